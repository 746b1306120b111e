"""One POST to somebody else's server, from which nothing good is expected.

The host is looked up here, every address it leads to is checked, and the connection is made to the
addresses that were; host name, SNI and certificate are the URL's. No redirect is followed, no
proxy of the environment is asked, no cookie is kept. All of it together takes no longer than the
time limit; of the answer no more is read than is kept.
"""

import asyncio
import os
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from http import HTTPStatus

import httptools

from services.orders.webhooks.addresses import (
    Permissions,
    Target,
    TargetRefused,
    check_addresses,
    parse_target,
)
from services.orders.webhooks.delivery import MOST_RESPONSE_BYTES, Answer, Outcome, outcome_of
from services.orders.webhooks.names import SystemNames

# Looks a host up: all its addresses. Raises OSError if it leads nowhere.
Resolve = Callable[[str, int], Awaitable[list[str]]]

_MOST_HEAD_BYTES = 65_536
_READ_BYTES = 16_384
_OTHER = "what was answered is no HTTP"
# Once the status is known it is all that counts: the rest may come until then.
_BODY_S = 1.0


class Sender:
    """Sends.

    Args:
        permissions: what may be called.
        timeout_s: that all of an attempt may take.
        resolve: looks hosts up; None for the system's resolver.
        tls: whom to believe.
    """

    def __init__(
        self,
        permissions: Permissions,
        timeout_s: float,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._permissions = permissions
        self._timeout_s = timeout_s
        self._resolve = resolve or SystemNames()
        self._tls = tls or ssl.create_default_context()

    async def check(self, url: str) -> None:
        """Returns if events may be sent to a URL as it leads now.

        Raises:
            TargetRefused: they may not.
        """
        target = parse_target(url, self._permissions)
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._addresses(target)
        except (OSError, UnicodeError):
            raise TargetRefused("names a host that is not known") from None

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """What came of sending a body of JSON; failures are answers, too."""
        clock = asyncio.get_running_loop().time
        began = clock()
        response = _Response()
        outcome, error = Outcome.UNREACHABLE, ""
        try:
            async with asyncio.timeout(self._timeout_s):
                target = parse_target(url, self._permissions)
                await self._exchange(target, _request(target, headers, body), response)
        except TargetRefused as refused:
            outcome, error = Outcome.REFUSED, f"the URL {refused}"
        except TimeoutError:
            if not response.has_head:
                outcome, error = Outcome.TIMED_OUT, f"no answer within {self._timeout_s:g} s"
        except _NoHttp as fault:
            error = str(fault)
        except ssl.SSLCertVerificationError as refused:
            error = f"the certificate is not valid: {refused.verify_message}"
        except (OSError, UnicodeError) as fault:
            error = f"the host cannot be reached: {_said(fault)}"
        if response.has_head and not error:
            outcome = outcome_of(response.status_code)
            error = "" if outcome is Outcome.DELIVERED else f"answered {response.status_code}"
        return Answer(
            outcome=outcome,
            duration=timedelta(seconds=clock() - began),
            status_code=response.status_code,
            retry_after=response.retry_after,
            body=bytes(response.body),
            error=error,
        )

    async def _addresses(self, target: Target) -> list[str]:
        """Where a target leads. Raises TargetRefused or OSError."""
        found = await self._resolve(target.host, target.port)
        return check_addresses(found, self._permissions)

    async def _exchange(self, target: Target, request: bytes, response: "_Response") -> None:
        addresses = await self._addresses(target)
        reader, writer = await self._connect(target, addresses)
        try:
            writer.write(request)
            while not response.has_head:
                await response.read(reader)
            with suppress(TimeoutError, OSError):
                async with asyncio.timeout(_BODY_S):
                    while not response.is_done and len(response.body) < MOST_RESPONSE_BYTES:
                        await response.read(reader)
        finally:
            writer.transport.abort()

    async def _connect(
        self, target: Target, addresses: list[str]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the first address that takes one."""
        for address in addresses:
            try:
                return await asyncio.open_connection(
                    address,
                    target.port,
                    ssl=self._tls if target.is_tls else None,
                    server_hostname=target.host if target.is_tls else None,
                )
            except ssl.SSLError:
                raise
            except OSError:
                if address == addresses[-1]:
                    raise
        raise TargetRefused("leads to no address")


class _NoHttp(Exception):
    """The connection ended, or went on and on, where an answer's head was due; how, in words."""


class _Response:
    """An answer as it is read; httptools calls it back."""

    def __init__(self) -> None:
        self.status_code = 0
        self.retry_after = ""
        self.body = bytearray()
        self.has_head = False
        self.is_done = False
        self._head_bytes = 0
        self._parser = httptools.HttpResponseParser(self)

    async def read(self, reader: asyncio.StreamReader) -> None:
        """Reads on."""
        data = await reader.read(_READ_BYTES)
        if not data:
            if not self.has_head:
                raise _NoHttp("it hung up before it had answered")
            self.is_done = True
            return
        if not self.has_head:
            self._head_bytes += len(data)
            if self._head_bytes > _MOST_HEAD_BYTES:
                raise _NoHttp(_OTHER)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            if not self.has_head:
                raise _NoHttp(_OTHER) from None
            self.is_done = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after":
            self.retry_after = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status_code = self._parser.get_status_code()
        # These only announce another head.
        if 100 <= status_code < 200 and status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self.retry_after = ""
        elif not self.has_head:
            self.status_code = status_code
            self.has_head = True

    def on_body(self, body: bytes) -> None:
        self.body += body[: MOST_RESPONSE_BYTES - len(self.body)]

    def on_message_complete(self) -> None:
        self.is_done = self.has_head


def _request(target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    fields = {
        "host": target.authority,
        "user-agent": "maitred-webhooks",
        "content-type": "application/json",
        "content-length": str(len(body)),
        "accept": "*/*",
        "connection": "close",
        **headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {target.path} HTTP/1.1\r\n{head}\r\n".encode("ascii") + body


def _said(fault: Exception) -> str:
    """What a fault is, without the address its own text may name."""
    if isinstance(fault, ssl.SSLError):
        # Its number is OpenSSL's, not the system's.
        return f"TLS failed, {(fault.reason or 'for no reason told').replace('_', ' ').lower()}"
    number = fault.errno if isinstance(fault, OSError) else None
    return os.strerror(number) if number and number > 0 else type(fault).__name__
