"""The edge itself: from an HTTP request to its route, its caller, and an answer or a problem."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

import grpc
import limits
import structlog
from opentelemetry import propagate, trace
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from gateway.addresses import Proxies
from gateway.admission import Admission
from gateway.exchange import Answer, Endpoint, Exchange, split_query
from gateway.identity.authenticator import Caller
from gateway.observation import AccessLog, HttpMetrics, Served
from gateway.problems import MEDIA_TYPE, render
from gateway.ratelimits import RateLimits
from gateway.transcoding.decoding import MalformedInput, MalformedParameter
from gateway.transcoding.templates import (
    MethodNotAllowed,
    PathNotFound,
    RouteTree,
    parse_template,
)
from services.chassis.rpc.call import Call, use
from services.chassis.rpc.errors import (
    Failure,
    FieldProblem,
    invalid,
    not_found,
)
from services.chassis.rpc.faults import failure_of
from services.chassis.rpc.identity import MeshSigner

_REQUEST_ID = re.compile(rb"[A-Za-z0-9_.-]{1,64}")
_UNMATCHED = "unmatched"
# What a client that went away is logged as (nginx's convention).
_CLIENT_GONE = 499
_SWITCHING = 101
_HEADS = frozenset({"http.response.start", "websocket.http.response.start", "websocket.accept"})

Talk = Callable[[Exchange, Send], Awaitable[None]]
"""Serves one WebSocket to its end."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Route:
    """One route.

    Attributes:
        method: HTTP method.
        path: a template.
        endpoint: what answers.
        limit: requests a caller may make, None for no limit; keys and tenants may replace it.
        timeout_s: until when services must have answered.
        public: whether nobody is asked who they are.
    """

    method: str
    path: str
    endpoint: Endpoint
    limit: limits.RateLimitItem | None
    timeout_s: float
    public: bool = False


class Edge:
    """An ASGI application of routes.

    Args:
        routes: what is served.
        proxies: are believed whom they speak for.
        admission: lets callers in.
        signer: mints mesh tokens for calls to services.
        rate_limits: shared by all routes.
        metrics: of requests.
        access_log: of requests.
        tracer: None if no traces are recorded.
        websockets: serve WebSockets, by path.
    """

    def __init__(
        self,
        routes: Iterable[Route],
        proxies: Proxies,
        admission: Admission,
        signer: MeshSigner,
        rate_limits: RateLimits,
        metrics: HttpMetrics,
        access_log: AccessLog,
        tracer: trace.Tracer | None,
        websockets: Mapping[str, Talk],
    ) -> None:
        self._websockets = websockets
        self._proxies = proxies
        self._admission = admission
        self._signer = signer
        self._rate_limits = rate_limits
        self._metrics = metrics
        self._access_log = access_log
        self._tracer = tracer
        self._tree: RouteTree[Route] = RouteTree()
        for route in routes:
            self._tree.add(route.method, parse_template(route.path), route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._talk({**scope, "method": "GET"}, receive, send)
            return
        started = time.perf_counter()
        exchange = _exchange(scope, receive, self._proxies)
        reply = _Reply(send, exchange.request_id)
        self._metrics.in_flight.inc()
        name = _UNMATCHED
        try:
            route = None
            try:
                route = self._route(exchange)
                name = route.path
                answer = await self._answer(route, exchange, reply)
            except Exception as error:  # noqa: BLE001 - rendered whatever it is
                answer = _problem(_failure(error, exchange.request_id), exchange.request_id)
            await answer(scope, receive, reply.send)
        finally:
            self._metrics.in_flight.dec()
            self._tell(exchange, name, reply.status, time.perf_counter() - started)

    async def _talk(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a WebSocket; counted and logged as a request that lasts as long."""
        started = time.perf_counter()
        exchange = _exchange(scope, receive, self._proxies)
        reply = _Reply(send, exchange.request_id)
        path = scope["path"]
        talk = self._websockets.get(path)
        self._metrics.in_flight.inc()
        try:
            if talk is not None:
                await talk(exchange, reply.send)
            else:
                failure = not_found("ROUTE_NOT_FOUND", "There is nothing here.", path=path)
                problem = _problem(failure, exchange.request_id)
                await problem(scope, receive, reply.send)
        finally:
            self._metrics.in_flight.dec()
            seconds = time.perf_counter() - started
            self._tell(exchange, path if talk else _UNMATCHED, reply.status, seconds)

    def _route(self, exchange: Exchange) -> Route:
        path = exchange.scope["raw_path"].decode("latin-1")
        method = "GET" if exchange.method == "HEAD" else exchange.method
        try:
            match = self._tree.match(method, path)
        except PathNotFound:
            raise not_found("ROUTE_NOT_FOUND", "There is nothing here.", path=path) from None
        except MethodNotAllowed as refused:
            raise _method_not_allowed(refused.allowed) from None
        exchange.values = match.values
        return match.target

    async def _answer(self, route: Route, exchange: Exchange, reply: _Reply) -> Answer:
        if route.public:
            self._check_rate(route, 0, exchange.neighbours, reply)
            return await route.endpoint(exchange)
        caller = await self._admission.authenticate(exchange, exchange.method)
        exchange.caller = caller
        principal = caller.principal
        self._check_rate(route, caller.requests_per_minute, principal.principal_id, reply)
        call = Call(
            principal=principal,
            request_id=exchange.request_id,
            token=self._signer.mint(principal, route.timeout_s),
            deadline=time.monotonic() + route.timeout_s,
        )
        with use(call):
            if self._tracer is None:
                return await route.endpoint(exchange)
            return await self._traced(self._tracer, route, exchange)

    async def _traced(self, tracer: trace.Tracer, route: Route, exchange: Exchange) -> Answer:
        carrier = {
            key.decode("latin-1"): value.decode("latin-1")
            for key, value in exchange.headers.items()
        }
        name = f"{exchange.method} {route.path}"
        with tracer.start_as_current_span(
            name, context=propagate.extract(carrier), kind=trace.SpanKind.SERVER
        ):
            return await route.endpoint(exchange)

    def _check_rate(
        self, route: Route, requests_per_minute: int, caller: str, reply: _Reply
    ) -> None:
        if route.limit is None:
            return
        limit = limits.RateLimitItemPerMinute(requests_per_minute) if requests_per_minute else None
        verdict = self._rate_limits.hit(
            limit or route.limit, f"{route.method} {route.path}", caller
        )
        reply.headers += verdict.headers()
        if not verdict.allowed:
            raise verdict.refusal()

    def _tell(self, exchange: Exchange, route: str, status: int, seconds: float) -> None:
        caller: Caller | None = exchange.caller
        served = Served(
            route=route,
            method=exchange.method,
            path=exchange.scope["path"],
            status=status,
            seconds=seconds,
            request_id=exchange.request_id,
            tenant_id=str(caller.principal.tenant_id) if caller else "",
            principal_id=caller.principal.principal_id if caller else "",
            address=exchange.address,
        )
        self._metrics.served(served)
        self._access_log.served(served)


class _Reply:
    """The sending side of an exchange: adds headers every answer has, and keeps its status."""

    __slots__ = ("_send", "headers", "status")

    def __init__(self, send: Send, request_id: str) -> None:
        self.status = _CLIENT_GONE
        self.headers: list[tuple[bytes, bytes]] = [
            (b"x-request-id", request_id.encode()),
            (b"x-content-type-options", b"nosniff"),
        ]
        self._send = send

    def send(self, message: Message) -> Awaitable[None]:
        if message["type"] in _HEADS:
            self.status = message.get("status", _SWITCHING)
            message["headers"] = [*message.get("headers", ()), *self.headers]
        # Not awaited here: a stream's every frame would pass through one coroutine more.
        return self._send(message)


def _exchange(scope: Scope, receive: Receive, proxies: Proxies) -> Exchange:
    headers = dict(scope["headers"])
    given = headers.get(b"x-request-id", b"")
    usable = _REQUEST_ID.fullmatch(given)
    query, selector = split_query(scope["query_string"].decode("latin-1"))
    forwarded = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    peer = scope.get("client")
    return Exchange(
        scope=scope,
        receive=receive,
        headers=headers,
        request_id=given.decode() if usable else f"req_{secrets.token_hex(16)}",
        query=query,
        selector=selector,
        address=proxies.client_of(peer[0], forwarded) if peer else "",
    )


def _failure(error: Exception, request_id: str) -> Failure:
    if isinstance(error, MalformedInput):
        return _malformed(error)
    failure = failure_of(error, request_id)
    if failure.code is grpc.StatusCode.INTERNAL:
        _log.error("http_failed", request_id=request_id, exc_info=error)
    return failure


def _malformed(error: MalformedInput) -> Failure:
    fields = [FieldProblem(error.field, error.problem)] if error.field else []
    if isinstance(error, MalformedParameter):
        detail = f"A parameter is not understood: {error}."
        return invalid("INVALID_FIELD", detail, fields, field=error.field)
    metadata = {"problem": error.problem} | ({"field": error.field} if error.field else {})
    return invalid("MALFORMED_BODY", f"The body is not understood: {error}.", fields, **metadata)


def _method_not_allowed(allowed: tuple[str, ...]) -> Failure:
    methods = ", ".join(allowed)
    return Failure(
        grpc.StatusCode.UNIMPLEMENTED,
        "METHOD_NOT_ALLOWED",
        f"This path takes {methods}.",
        metadata={"allow": methods},
    )


def _problem(failure: Failure, request_id: str) -> Response:
    problem = render(failure, request_id)
    headers = {"cache-control": "no-store", **dict(problem.headers)}
    return Response(problem.body + b"\n", problem.status, headers, MEDIA_TYPE)
