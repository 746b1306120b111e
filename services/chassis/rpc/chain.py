"""The chain every call to a service passes, in this order.

1. request id: the caller's `x-request-id`, else a new one
2. telemetry: calls, codes and durations; a span when traces are recorded
3. identity: the mesh token becomes a Principal, held against the method's access rule
4. deadline: what the caller left less a margin, else the default; past it the call is cancelled
5. validation: protovalidate's rules of the request
6. errors: whatever the handler raises becomes one Status with one ErrorInfo

The steps are methods of one `_Passage` around the handler, not interceptors stacked on one
another, which cost a coroutine and a handler object each per call.
"""

import asyncio
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NoReturn, TypeAlias, cast

import grpc
import protovalidate
import structlog
from google.protobuf import descriptor
from google.protobuf.message import Message
from maitred.identity.v1 import access_pb2

from services.chassis.rpc.call import CURRENT, Call
from services.chassis.rpc.errors import (
    DETAILS_KEY,
    Failure,
    FieldProblem,
    deadline_exceeded,
    denied,
    invalid,
    to_status,
    unauthenticated,
)
from services.chassis.rpc.faults import failure_of
from services.chassis.rpc.identity import MeshVerifier, Principal, Role
from services.chassis.rpc.metrics import MethodMetrics, RpcMetrics

STEPS = ("request id", "telemetry", "identity", "deadline", "validation", "errors")

REQUEST_ID_KEY = "x-request-id"
AUTHORIZATION_KEY = "authorization"

# Kept back from the caller's deadline, so that our answer, which names the culprit, arrives first.
MARGIN_S = 0.02

_DO_NOT_RETRY = ("grpc-retry-pushback-ms", "-1")
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_ROLES = {
    number: Role(name.removeprefix("ROLE_").lower())
    for name, number in access_pb2.Role.items()
    if number
}

# Generic in its stub only.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Context = grpc.aio.ServicerContext[Any, Any]
Unary = Callable[[Any, Context], Awaitable[Any]]
Stream = Callable[[Any, Context], AsyncIterator[Any]]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Method:
    """A method as the chain sees it: `/service/Method`, its access rule and its series."""

    path: str
    roles: frozenset[Role]
    metrics: MethodMetrics


class Chain:
    """The chain of one server: wraps methods' handlers."""

    def __init__(
        self, verifier: MeshVerifier, metrics: RpcMetrics, *, call_timeout_s: float
    ) -> None:
        self._metrics = metrics
        self.verifier = verifier
        self.validator = protovalidate.Validator()
        self.call_timeout_s = call_timeout_s

    def wrap(self, described: descriptor.MethodDescriptor, handler: Handler) -> Handler:
        """The handler with the chain around it. ValueError if its requests are a stream."""
        if handler.request_streaming:
            raise ValueError(f"{described.full_name}: streams of requests are not served")
        service = described.containing_service.full_name
        kind = "server_stream" if handler.response_streaming else "unary"
        method = Method(
            path=f"/{service}/{described.name}",
            roles=allowed_roles(described),
            metrics=self._metrics.of(kind, service, described.name),
        )
        # The handler's types are those of gRPC's synchronous API; ours are coroutines.
        behavior: Any = handler.unary_stream or handler.unary_unary
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(
                self._stream(method, behavior),
                handler.request_deserializer,
                handler.response_serializer,
            )
        return grpc.unary_unary_rpc_method_handler(
            self._unary(method, behavior),
            handler.request_deserializer,
            handler.response_serializer,
        )

    def _unary(self, method: Method, behavior: Unary) -> Unary:
        async def serve(request: Any, context: Context) -> Any:
            async with _Passage(self, method, request, context):
                return await behavior(request, context)

        return serve

    def _stream(self, method: Method, behavior: Stream) -> Stream:
        async def serve(request: Any, context: Context) -> AsyncIterator[Any]:
            async with _Passage(self, method, request, context):
                async for message in behavior(request, context):
                    yield message

        return serve


def allowed_roles(method: descriptor.MethodDescriptor) -> frozenset[Role]:
    """The roles a method's access rule names; none, so nobody, if it has no rule."""
    rule = method.GetOptions().Extensions[access_pb2.access]
    return frozenset(_ROLES[role] for role in rule.roles if role)


def edge_roles(method: descriptor.MethodDescriptor) -> frozenset[Role]:
    """Of `allowed_roles`, those that may call from outside: all, unless its rule names fewer."""
    rule = method.GetOptions().Extensions[access_pb2.access]
    return frozenset(_ROLES[role] for role in rule.edge_roles if role) or allowed_roles(method)


def check_role(principal: Principal, roles: frozenset[Role]) -> None:
    """Fails with PERMISSION_DENIED (ROLE_REQUIRED) if the principal holds none of the roles."""
    if roles.isdisjoint(principal.roles):
        names = ",".join(sorted(roles))
        raise denied("ROLE_REQUIRED", f"This needs one of the roles: {names}.", roles=names)


class _Passage:
    """One call on its way through the chain."""

    __slots__ = ("_chain", "_context", "_method", "_request", "_request_id", "_started", "_timer")

    def __init__(self, chain: Chain, method: Method, request: Any, context: Context) -> None:
        self._chain = chain
        self._method = method
        self._request = request
        self._context = context

    async def __aenter__(self) -> None:
        self._started = time.perf_counter()
        self._method.metrics.begun()
        self._request_id, token = _read(self._context)
        try:
            principal = self._identify(token)
            deadline = self._deadline()
            # A call has a task, and so a context, of its own: there is nothing to reset.
            CURRENT.set(Call(principal, self._request_id, token, deadline))
            self._validate()
            self._timer = asyncio.timeout(deadline - time.monotonic())
            await self._timer.__aenter__()
        except Exception as error:  # noqa: BLE001 - rendered whatever it is
            await self._refuse(error)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._timer.__aexit__(kind, error, traceback)
        except TimeoutError:
            await self._refuse(deadline_exceeded(self._method.path))
        match error:
            case None:
                self._ended(grpc.StatusCode.OK)
            case Exception():
                await self._refuse(error)
            case _:
                # The caller went away or the server was stopped.
                self._ended(grpc.StatusCode.CANCELLED)

    def _identify(self, token: str) -> Principal:
        if not token:
            raise unauthenticated("no mesh token")
        principal = self._chain.verifier.verify(token)
        check_role(principal, self._method.roles)
        return principal

    def _deadline(self) -> float:
        # None, whatever the stub says, if the caller set none.
        left = cast("float | None", self._context.time_remaining())
        if left is None:
            left = self._chain.call_timeout_s
        else:
            left -= min(MARGIN_S, left / 10)
        return time.monotonic() + left

    def _validate(self) -> None:
        violations = self._chain.validator.collect_violations(self._request)
        if violations:
            raise invalid_fields(violations)

    async def _refuse(self, error: Exception) -> NoReturn:
        failure = failure_of(error, self._request_id)
        self._tell(failure, error)
        self._ended(failure.code)
        status = to_status(failure)
        trailing: list[tuple[str, str | bytes]] = [(DETAILS_KEY, status.SerializeToString())]
        if failure.was_retried or isinstance(error, grpc.aio.AioRpcError):
            # The hop nearest to the trouble has tried again already.
            trailing.append(_DO_NOT_RETRY)
        await self._context.abort(failure.code, status.message, trailing_metadata=tuple(trailing))

    def _tell(self, failure: Failure, error: Exception) -> None:
        told = {
            "method": self._method.path,
            "code": failure.code.name,
            "reason": failure.reason,
            "request_id": self._request_id,
        }
        if failure.code is grpc.StatusCode.INTERNAL:
            self._method.metrics.broke(error)
            _log.error("rpc_failed", **told, exc_info=error)
        elif failure.code in _OUR_TROUBLE:
            _log.warning("rpc_failed", **told, metadata=dict(failure.metadata))
        else:
            _log.debug("rpc_refused", **told)

    def _ended(self, code: grpc.StatusCode) -> None:
        self._method.metrics.ended(code, time.perf_counter() - self._started)


_OUR_TROUBLE = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})


def invalid_fields(violations: list[protovalidate.Violation]) -> Failure:
    """INVALID_ARGUMENT of what protovalidate found, a problem for each violation."""
    problems = [_problem(violation) for violation in violations]
    named = dict.fromkeys(problem.field for problem in problems if problem.field)
    return invalid(
        "INVALID_FIELD",
        "; ".join(f"{problem.field} {problem.description}".strip() for problem in problems),
        problems,
        field=",".join(named),
    )


def problems_of(message: Message) -> list[FieldProblem]:
    """What protovalidate's rules find wrong with a message that came by no call."""
    return [_problem(violation) for violation in protovalidate.collect_violations(message)]


def _problem(violation: protovalidate.Violation) -> FieldProblem:
    path, said = _path(violation), violation.proto.message
    if violation.proto.rule_id == "enum.not_in":
        # Numbers say nothing to who wrote a name, or none.
        said = "is not possible here" if violation.field_value else "is required"
    if not path:
        # A rule of a whole message names the field itself, before a colon.
        path, _, said = said.rpartition(": ")
    return FieldProblem(path, said)


def _path(violation: protovalidate.Violation) -> str:
    path = ""
    for element in violation.proto.field.elements if violation.proto.field else ():
        path += f".{element.field_name}" if path else element.field_name
        if element.subscript is not None:
            path += f"[{element.subscript.value}]"
    return path


def _read(context: Context) -> tuple[str, str]:
    """Request id and mesh token of a call, the token empty if it has none."""
    request_id = token = ""
    for key, value in context.invocation_metadata() or ():
        if key == REQUEST_ID_KEY:
            request_id = str(value)
        elif key == AUTHORIZATION_KEY:
            scheme, _, credential = str(value).partition(" ")
            token = credential if scheme.lower() == "bearer" else ""
    if not _REQUEST_ID.fullmatch(request_id):
        request_id = f"req_{secrets.token_hex(16)}"
    return request_id, token
