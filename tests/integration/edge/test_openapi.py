"""`/openapi.json`: what is served is what is described."""

from __future__ import annotations

from typing import Any

import httpx
import pytest_asyncio

from gateway.routes import CONTRACTS
from gateway.transcoding.bindings import bindings


@pytest_asyncio.fixture(loop_scope="module")
async def document(nobody: httpx.AsyncClient) -> dict[str, Any]:
    answer = await nobody.get("/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def test_every_annotated_method_and_every_surface_is_described(
    document: dict[str, Any],
) -> None:
    described = {
        (method.upper(), path) for path, item in document["paths"].items() for method in item
    }
    annotated = {(binding.verb, binding.path) for binding in bindings(CONTRACTS)}
    assert described - annotated == {
        ("POST", "/api/v1/sessions/{session_id}/messages"),
        ("GET", "/api/v1/events"),
        ("POST", "/api/v1/auth/guest"),
        ("POST", "/api/v1/auth/session"),
    }
    assert annotated <= described


async def test_every_reference_is_defined(document: dict[str, Any]) -> None:
    def references(value: object) -> set[str]:
        match value:
            case {"$ref": str(target)}:
                return {target}
            case dict():
                return set().union(*(references(one) for one in value.values()))
            case list():
                return set().union(*(references(one) for one in value))
        return set()

    prefix = "#/components/schemas/"
    found = references(document)
    assert all(target.startswith(prefix) for target in found)
    assert {target.removeprefix(prefix) for target in found} <= set(
        document["components"]["schemas"]
    )


async def test_what_the_contract_says_is_said(document: dict[str, Any]) -> None:
    place = document["paths"]["/api/v1/orders"]["post"]
    assert place["operationId"] == "OrderService.PlaceOrder"
    assert place["summary"] == "Makes an order of a quote, exactly once"
    (key,) = place["parameters"]
    assert (key["name"], key["in"], key["required"]) == ("Idempotency-Key", "header", True)
    body = place["requestBody"]["content"]["application/json"]["schema"]
    assert set(body["properties"]) == {"quote_id", "session_id"}
    assert body["properties"]["quote_id"]["pattern"] == "^quo_[0-9a-f]{32}$"
    answer = place["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer["$ref"] == "#/components/schemas/Order"
    page = document["paths"]["/api/v1/orders"]["get"]["parameters"]
    assert [parameter["name"] for parameter in page] == [
        "page_size",
        "page_token",
        "status",
        "session_id",
    ]
