"""`/openapi.json`: what is served is what is described."""

from __future__ import annotations

import httpx

from gateway.openapi.document import OpenApi
from gateway.routes import CONTRACTS
from gateway.transcoding.bindings import bindings


async def test_anyone_may_read_the_document(nobody: httpx.AsyncClient) -> None:
    answer = await nobody.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.json() == OpenApi(bindings(CONTRACTS)).document
