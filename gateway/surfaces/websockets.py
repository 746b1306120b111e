"""`/ws` and `/ws/orders`: a tenant's events, and messages to a user, over a WebSocket.

A client shows who it is by a ticket (`?ticket=`), by `Authorization`, by cookie if a page of ours
opens it, or by its first message. It is told `hello`, and asks for what it wants by `subscribe`;
`/ws/orders` begins with the subscription `orders`. Everything said is a JSON message with `type`
and `id`. What it asked for in vain is answered by `error`, with the problem as HTTP says it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl

import grpc
import limits
import structlog
from starlette.types import Send

from gateway.admission import Admission
from gateway.exchange import Answer, Exchange
from gateway.identity.authenticator import Caller
from gateway.identity.tickets import Tickets
from gateway.ratelimits import RateLimits
from gateway.realtime import messages
from gateway.realtime.connections import (
    DRAINING,
    FAILED,
    OVERLOADED,
    UNAUTHENTICATED,
    Connection,
    Connections,
    Ending,
    Kind,
)
from gateway.realtime.feeds import Feeds
from gateway.realtime.subscriptions import Subscriptions
from gateway.transcoding.decoding import MalformedInput
from services.chassis.data.ids import IdFactory
from services.chassis.rpc.errors import (
    Failure,
    denied,
    exhausted,
    invalid,
    precondition,
    unauthenticated,
)
from services.chassis.run.allowance import Allowance
from services.chassis.run.http import wire_of

PATH = "/ws"
ORDERS_PATH = "/ws/orders"
ORDERS = "orders"
ORDER_TYPE = "maitred.order.v1"
FIRST_MESSAGE_S = 5.0
_FORBIDDEN = 4403
_UNSUPPORTED = Ending("NOT_TEXT", 1003)
_HEARTBEAT = messages.heartbeat()
# By this method a handshake's Origin is checked as that of an unsafe request (RFC 8441 has it so).
_METHOD = "CONNECT"
# What one client may say: so many messages a second, and so many at once.
_MESSAGES_PER_S = 20.0
_MESSAGES_AT_ONCE = 60.0

_log = structlog.get_logger(__name__)


async def upgrade(_exchange: Exchange) -> Answer:
    """Refuses a request that is no handshake. Fails with FAILED_PRECONDITION (UPGRADE_REQUIRED)."""
    raise precondition("UPGRADE_REQUIRED", "This path takes WebSockets.")


@dataclass(frozen=True, slots=True)
class Entrance:
    """How clients come in: who says who they are, and how often they may try."""

    admission: Admission
    tickets: Tickets
    rate_limits: RateLimits
    limit: limits.RateLimitItem
    unknown_limit: limits.RateLimitItem


class WebSockets:
    """The endpoint of both paths."""

    def __init__(
        self,
        feeds: Feeds,
        connections: Connections,
        entrance: Entrance,
        ids: IdFactory,
        clock: Callable[[], datetime],
    ) -> None:
        self._feeds = feeds
        self._connections = connections
        self._entrance = entrance
        self._ids = ids
        self._clock = clock

    async def serve(self, exchange: Exchange, send: Send) -> None:
        """Serves one client until it goes or is ended. The exchange learns who it is."""
        await exchange.receive()
        await send({"type": "websocket.accept"})
        connection = Connection(
            Kind.WEBSOCKET,
            self._ids.new(),
            self._clock(),
            wire_of(exchange.scope),
            _HEARTBEAT,
            neighbours=exchange.neighbours,
        )
        talk = _Talk(connection, exchange, self._feeds, self._connections, self._entrance)
        with self._connections.holding(connection):
            try:
                await connection.attend(talk.hold())
            except Failure as failure:
                connection.write(messages.write_failure(failure, "", connection.connection_id))
                connection.end(_ending_of(failure))
            except Exception:  # noqa: BLE001 - told to the log alone
                _log.exception("websocket_failed", connection_id=connection.connection_id)
                connection.end(FAILED)
            finally:
                position = talk.leave()
        if (ending := connection.ending) is not None:
            reason = f"{ending.reason} {position}" if ending is DRAINING else ending.reason

            async def close() -> None:
                await send(
                    {"type": "websocket.close", "code": ending.code, "reason": reason.rstrip()}
                )

            await connection.close(b"", close)


class _Talk:
    """What is said on one connection."""

    def __init__(
        self,
        connection: Connection,
        exchange: Exchange,
        feeds: Feeds,
        connections: Connections,
        entrance: Entrance,
    ) -> None:
        self._connection = connection
        self._exchange = exchange
        self._connections = connections
        self._entrance = entrance
        self._feeds = feeds
        self._only_orders = exchange.scope["path"] == ORDERS_PATH
        self._subscriptions: Subscriptions | None = None
        clock = asyncio.get_running_loop().time
        self._allowance = Allowance(_MESSAGES_PER_S, _MESSAGES_AT_ONCE, clock)

    async def hold(self) -> None:
        """Lets the client in and answers it until it goes. Fails as ends the connection."""
        query = dict(parse_qsl(self._exchange.query, keep_blank_values=True))
        self._connections.check_room(0)
        caller, check = await self._known(query.get("ticket", ""))
        principal = caller.principal
        self._connections.check_room_of(principal, self._exchange.neighbours, 0)
        self._check_rate(self._entrance.limit, principal.principal_id, caller.requests_per_minute)
        self._connections.identify(self._connection, caller, check)
        self._exchange.caller = caller
        # A client that is greeted may count on what comes from now on.
        await self._feeds.settle()
        types = frozenset({ORDER_TYPE}) if self._only_orders else None
        self._subscriptions = Subscriptions(self._connection, principal, self._feeds, types)
        self._greet(caller)
        if self._only_orders:
            first = messages.Subscribe(ORDERS, frozenset(), "", query.get("cursor", ""))
            await self._answer(first, self._subscriptions)
        while (text := await self._heard()) is not None:
            await self._hear(text, self._subscriptions)

    def leave(self) -> str:
        """Ends its subscriptions; the position after which to come back, empty for none."""
        return self._subscriptions.leave() if self._subscriptions else ""

    async def _known(self, ticket: str) -> tuple[Caller, Callable[[], Awaitable[object]]]:
        """Who comes, and how to ask later whether that still holds."""
        entrance, exchange = self._entrance, self._exchange
        admission, address = entrance.admission, exchange.neighbours
        if ticket:
            with admission.counting(address):
                caller = await entrance.tickets.redeem(ticket)
        elif b"authorization" in exchange.headers or b"cookie" in exchange.headers:
            caller = await admission.authenticate(exchange, _METHOD)
        else:
            self._connections.check_room_at(exchange.neighbours, 0)
            self._check_rate(entrance.unknown_limit, exchange.neighbours)
            with admission.counting(address):
                said = await self._first_message()
            caller = await admission.caller(said.token, address)
        return caller, lambda: admission.authenticator.holder(
            caller.principal.tenant_id, caller.principal.principal_id, caller.expires
        )

    async def _first_message(self) -> messages.Auth:
        try:
            async with asyncio.timeout(FIRST_MESSAGE_S):
                text = await self._heard()
        except TimeoutError:
            text = None
        said = None if text is None else _read(text)
        if not isinstance(said, messages.Auth):
            raise unauthenticated("no credential")
        return said

    async def _heard(self) -> str | None:
        """The client's next message; None once it has gone or says what is no text."""
        message = await self._exchange.receive()
        if message["type"] == "websocket.disconnect":
            return None
        if message.get("text") is None:
            self._connection.end(_UNSUPPORTED)
            return None
        if not self._allowance.take():
            raise exhausted(
                "RATE_LIMITED",
                f"Too many messages: {_MESSAGES_PER_S:.0f} a second are allowed.",
                retry_after=1.0,
                limit=f"{_MESSAGES_PER_S:.0f}/second",
            )
        return str(message["text"])

    async def _hear(self, text: str, subscriptions: Subscriptions) -> None:
        try:
            said = _read(text)
        except Failure as failure:
            self._refuse(failure, messages.id_in(text))
        else:
            await self._answer(said, subscriptions)

    async def _answer(self, said: messages.Said, subscriptions: Subscriptions) -> None:
        try:
            match said:
                case messages.Subscribe():
                    subscriptions.add(said)
                case messages.Unsubscribe():
                    subscriptions.remove(said)
                case messages.Ping():
                    self._connection.write(messages.write("pong", said.id))
                case messages.Auth():
                    await self._renew(said)
        except Failure as failure:
            if failure.code in _ENDING:
                raise
            self._refuse(failure, said.id)

    async def _renew(self, said: messages.Auth) -> None:
        """A newer credential of the same principal lengthens the connection."""
        admission = self._entrance.admission
        caller = await admission.caller(said.token, self._exchange.neighbours)
        known = self._exchange.known_caller()
        if caller.principal != known.principal:
            raise denied("SUBSCRIPTION_FORBIDDEN", "A connection stays whose it is.")
        self._exchange.caller = caller
        principal = caller.principal
        self._connections.identify(
            self._connection,
            caller,
            lambda: admission.authenticator.holder(
                principal.tenant_id, principal.principal_id, caller.expires
            ),
        )
        self._greet(caller)

    def _greet(self, caller: Caller) -> None:
        principal = caller.principal
        position = self._feeds.position(principal.tenant_id)
        expires = caller.expires
        self._connection.write(
            messages.write(
                "hello",
                self._connection.connection_id,
                principal_id=principal.principal_id,
                roles=sorted(principal.roles),
                expires_at=expires.isoformat().replace("+00:00", "Z") if expires else None,
                cursor=str(position) if position else None,
            )
        )

    def _refuse(self, failure: Failure, said_id: str) -> None:
        self._connection.write(
            messages.write_failure(failure, said_id, self._connection.connection_id)
        )

    def _check_rate(
        self, limit: limits.RateLimitItem, caller: str, requests_per_minute: int = 0
    ) -> None:
        own = limits.RateLimitItemPerMinute(requests_per_minute) if requests_per_minute else None
        verdict = self._entrance.rate_limits.hit(own or limit, f"GET {PATH}", caller)
        if not verdict.allowed:
            raise verdict.refusal()


# Failures that no other message would mend.
_ENDING = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}


def _ending_of(failure: Failure) -> Ending:
    match failure.code:
        case grpc.StatusCode.UNAUTHENTICATED:
            return UNAUTHENTICATED
        case grpc.StatusCode.PERMISSION_DENIED:
            return Ending(failure.reason, _FORBIDDEN)
        case grpc.StatusCode.RESOURCE_EXHAUSTED | grpc.StatusCode.UNAVAILABLE:
            return Ending(failure.reason, OVERLOADED.code)
        case _:
            return FAILED


def _read(text: str) -> messages.Said:
    try:
        return messages.read(text)
    except MalformedInput as error:
        metadata = {"problem": error.problem} | ({"field": error.field} if error.field else {})
        raise invalid(
            "MALFORMED_BODY", f"The message is not understood: {error}.", (), **metadata
        ) from None
