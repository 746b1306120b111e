"""One HTTP request on its way to an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qsl, urlencode

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.addresses import neighbours
from gateway.identity.authenticator import Caller
from gateway.identity.cookies import SELECTOR_PARAMETER
from services.chassis.rpc.errors import Failure, cancelled, deadline_exceeded, exhausted

_LONGEST_BODY_WAIT_S = 30.0


class Answer(Protocol):
    """Anything that answers a request: an ASGI application such as Starlette's responses."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


@dataclass(slots=True)
class Exchange:
    """A request and what is known of it.

    Attributes:
        headers: by lower-case name; of a repeated one the last.
        request_id: `req_…`, the client's own where it sent a usable one.
        query: still encoded, without the credential selector.
        selector: which cookie is meant; empty for the only one.
        values: of the path's variables, decoded.
        caller: who asks; None on routes that ask nobody.
        address: the client's IP address, as far as is known; empty if nothing is.
    """

    scope: Scope
    receive: Receive
    headers: dict[bytes, bytes]
    request_id: str
    query: str = ""
    selector: str = ""
    values: tuple[str, ...] = ()
    caller: Caller | None = None
    address: str = ""

    @property
    def method(self) -> str:
        """The HTTP method."""
        return str(self.scope["method"])

    @property
    def neighbours(self) -> str:
        """Those who are limited together with the client, where it is limited by address."""
        return neighbours(self.address)

    def known_caller(self) -> Caller:
        """The caller of a route that asks for one."""
        if self.caller is None:
            raise LookupError("this route asks for no caller")
        return self.caller

    def header_values(self, name: bytes) -> list[str]:
        """All values of a header that may stand only once."""
        if name not in self.headers:
            return []
        return [value.decode("latin-1") for key, value in self.scope["headers"] if key == name]

    async def body(self, most: int) -> bytes:
        """The whole body.

        Fails with RESOURCE_EXHAUSTED (BODY_TOO_LARGE) beyond `most` bytes, DEADLINE_EXCEEDED if
        it does not arrive, and CANCELLED if the client goes away.
        """
        if int(self.headers.get(b"content-length", b"0")) > most:
            raise _too_large(most)
        try:
            async with asyncio.timeout(_LONGEST_BODY_WAIT_S):
                return await self._read(most)
        except TimeoutError:
            raise deadline_exceeded("the request's body") from None

    async def _read(self, most: int) -> bytes:
        body = bytearray()
        message = await self.receive()
        while message["type"] == "http.request":
            body += message.get("body", b"")
            if len(body) > most:
                raise _too_large(most)
            if not message.get("more_body", False):
                return bytes(body)
            message = await self.receive()
        raise cancelled()


Endpoint = Callable[[Exchange], Awaitable[Answer]]
"""Answers an exchange, or raises a Failure."""


def split_query(query: str) -> tuple[str, str]:
    """The query without the credential selector, and the selector."""
    if SELECTOR_PARAMETER not in query:
        return query, ""
    pairs = parse_qsl(query, keep_blank_values=True)
    rest = [(name, value) for name, value in pairs if name != SELECTOR_PARAMETER]
    selector = next((value for name, value in pairs if name == SELECTOR_PARAMETER), "")
    return urlencode(rest), selector


def json_answer(body: str, headers: Mapping[str, str] | None = None) -> Response:
    """200 with a JSON body that no cache keeps; it ends its line, for who reads it in a shell."""
    return Response(
        body + "\n", media_type="application/json", headers={**_NO_STORE, **(headers or {})}
    )


_NO_STORE = {"cache-control": "no-store"}


def _too_large(most: int) -> Failure:
    return exhausted(
        "BODY_TOO_LARGE", f"The body is larger than {most} bytes.", limit_bytes=str(most)
    )
