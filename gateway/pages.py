"""The pages of guests and staff: static files of `gateway/ui`, and nothing rendered."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from starlette.responses import HTMLResponse, Response

from gateway.exchange import Answer, Exchange
from gateway.identity.authenticator import Authenticator
from services.chassis.rpc.errors import Failure, not_found

GUEST_PATH = "/t/{slug}"
BOARD_PATH = "/t/{slug}/board"
TRUST_PATH = "/t/{slug}/trust"
FILE_PATH = "/ui/{file}"
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HEADERS = {
    "cache-control": "no-cache",
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
}
_UNKNOWN = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Not found</title>
    <link rel="stylesheet" href="/ui/style.css" />
  </head>
  <body><main><h1>There is nobody here by that name.</h1></main></body>
</html>
"""


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    media_type: str
    etag: str


class Pages:
    """Serves the files, read once."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator
        self._files = _read()

    async def guest(self, exchange: Exchange) -> Answer:
        """The guest's page of a tenant."""
        return await self._of_tenant(exchange, "guest.html")

    async def board(self, exchange: Exchange) -> Answer:
        """The staff's board of a tenant."""
        return await self._of_tenant(exchange, "board.html")

    async def trust(self, exchange: Exchange) -> Answer:
        """The staff's page on who serves a tenant's guests, and how well."""
        return await self._of_tenant(exchange, "trust.html")

    async def file(self, exchange: Exchange) -> Answer:
        """One file. Fails with NOT_FOUND (ROUTE_NOT_FOUND)."""
        (name,) = exchange.values
        if name not in self._files:
            raise not_found("ROUTE_NOT_FOUND", "There is nothing here.", path=FILE_PATH)
        return self._serve(exchange, name)

    async def _of_tenant(self, exchange: Exchange, name: str) -> Answer:
        (slug,) = exchange.values
        try:
            await self._authenticator.tenant_by_slug(slug)
        except Failure as failure:
            if failure.reason != "TENANT_NOT_FOUND":
                raise
            return HTMLResponse(_UNKNOWN, 404, _HEADERS)
        return self._serve(exchange, name)

    def _serve(self, exchange: Exchange, name: str) -> Response:
        file = self._files[name]
        headers = {**_HEADERS, "etag": file.etag}
        if exchange.headers.get(b"if-none-match", b"").decode("latin-1") == file.etag:
            return Response(status_code=304, headers=headers)
        return Response(file.body, headers=headers, media_type=file.media_type)


def _read() -> Mapping[str, _File]:
    found = {}
    for entry in files("gateway").joinpath("ui").iterdir():
        _, dot, kind = entry.name.rpartition(".")
        if dot + kind in _MEDIA_TYPES and entry.is_file():
            body = entry.read_bytes()
            etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
            found[entry.name] = _File(body, _MEDIA_TYPES[dot + kind], etag)
    return found
