"""The only factory of channels: how one service calls another.

A call made here carries the current call's mesh token, request id and trace, and what is left of
its deadline less a margin, so that the callee can answer who was late before the caller is. Calls
spread over all addresses of a target; UNAVAILABLE is tried again, four times in all and throttled,
which is safe because writes carry a key. A stream is not tried again after its first message.
A failure that gRPC itself made is completed with the ErrorInfo a server would have sent.
"""

import json
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from typing import Any, cast

import grpc
from opentelemetry import propagate

from services.chassis.rpc.call import CURRENT
from services.chassis.rpc.chain import AUTHORIZATION_KEY, MARGIN_S, REQUEST_ID_KEY
from services.chassis.rpc.errors import (
    DETAILS_KEY,
    deadline_exceeded,
    to_status,
    unavailable,
)

# A call that is nobody's, such as a health check, must end as well.
DEFAULT_TIMEOUT_S = 10.0
_LEAST_TIMEOUT_S = 0.001

_SERVICE_CONFIG = json.dumps(
    {
        "loadBalancingConfig": [{"round_robin": {}}],
        # A draining server says NOT_SERVING, and is left alone from then on.
        "healthCheckConfig": {"serviceName": ""},
        "methodConfig": [
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": 4,
                    "initialBackoff": "0.1s",
                    "maxBackoff": "1s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ],
        "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.1},
    }
)
_OPTIONS = (
    ("grpc.service_config", _SERVICE_CONFIG),
    ("grpc.max_metadata_size", 32 * 1024),
    # A catalog of 4 MB, the most there is, as indented JSON.
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # A restarted server is found again at once, not after gRPC's second and more.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)


class Peers:
    """Channels to other services, one each, opened on first use.

    Args:
        addresses: gRPC targets by service: `ipv4:host:port,host:port` or `dns:///host:port`.
        traced: whether calls carry the current trace (W3C `traceparent`).
    """

    def __init__(self, addresses: Mapping[str, str], *, traced: bool = False) -> None:
        self._addresses = addresses
        self._traced = traced
        self._channels: dict[str, grpc.aio.Channel] = {}

    def channel(self, name: str) -> grpc.aio.Channel:
        """The channel to a service, for its stub. KeyError if its address is not known."""
        if name not in self._channels:
            inner = grpc.aio.insecure_channel(self._addresses[name], options=_OPTIONS)
            self._channels[name] = cast("grpc.aio.Channel", _Channel(name, inner, self._traced))
        return self._channels[name]

    async def close(self) -> None:
        """Closes every channel; calls in flight are cancelled."""
        channels, self._channels = self._channels, {}
        for channel in channels.values():
            await channel.close()


class _Channel:
    """A channel whose calls go out in the name of the current call."""

    def __init__(self, peer: str, inner: grpc.aio.Channel, traced: bool) -> None:
        self._peer = peer
        self._inner = inner
        self._traced = traced

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def unary_unary(self, path: str, *args: Any, **kwargs: Any) -> Callable[..., "_UnaryCall"]:
        send = self._inner.unary_unary(path, *args, **kwargs)

        def start(request: Any, **options: Any) -> _UnaryCall:
            return _UnaryCall(self._peer, path, send(request, **self._outgoing(**options)))

        return start

    def unary_stream(self, path: str, *args: Any, **kwargs: Any) -> Callable[..., "_StreamCall"]:
        send = self._inner.unary_stream(path, *args, **kwargs)

        def start(request: Any, **options: Any) -> _StreamCall:
            return _StreamCall(self._peer, path, send(request, **self._outgoing(**options)))

        return start

    def _outgoing(
        self,
        timeout: float | None = None,
        metadata: Any = None,
        **options: Any,
    ) -> dict[str, Any]:
        sent = list(metadata or ())
        call = CURRENT.get()
        left = DEFAULT_TIMEOUT_S
        if call is not None:
            left = call.remaining()
            left -= min(MARGIN_S, left / 10)
            sent.append((AUTHORIZATION_KEY, f"Bearer {call.token}"))
            sent.append((REQUEST_ID_KEY, call.request_id))
        if self._traced:
            carrier: dict[str, str] = {}
            propagate.inject(carrier)
            sent.extend(carrier.items())
        left = left if timeout is None else min(timeout, left)
        # Anything but gRPC's own class would be turned into it for each call.
        outgoing = grpc.aio.Metadata(*sent)
        return {"timeout": max(left, _LEAST_TIMEOUT_S), "metadata": outgoing, **options}


class _UnaryCall:
    """A call as gRPC makes it, but for its errors."""

    __slots__ = ("_inner", "_path", "_peer")

    def __init__(self, peer: str, path: str, inner: Any) -> None:
        self._peer = peer
        self._path = path
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __await__(self) -> Generator[Any, None, Any]:
        try:
            return (yield from self._inner.__await__())
        except grpc.aio.AioRpcError as error:
            raise _completed(error, self._peer, self._path) from error


class _StreamCall:
    """A stream as gRPC makes it, but for its errors."""

    __slots__ = ("_inner", "_path", "_peer")

    def __init__(self, peer: str, path: str, inner: Any) -> None:
        self._peer = peer
        self._path = path
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def __aiter__(self) -> AsyncIterator[Any]:
        try:
            async for message in self._inner:
                yield message
        except grpc.aio.AioRpcError as error:
            raise _completed(error, self._peer, self._path) from error

    async def read(self) -> Any:
        try:
            return await self._inner.read()
        except grpc.aio.AioRpcError as error:
            raise _completed(error, self._peer, self._path) from error


def _completed(error: grpc.aio.AioRpcError, peer: str, path: str) -> grpc.aio.AioRpcError:
    """The error with details; as it is if a server sent them or there is nothing to add."""
    trailing = tuple(error.trailing_metadata() or ())
    if any(key == DETAILS_KEY for key, _ in trailing):
        return error
    match error.code():
        case grpc.StatusCode.UNAVAILABLE:
            failure = unavailable(peer)
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            failure = deadline_exceeded(path)
        case _:
            return error
    details = to_status(failure).SerializeToString()
    return grpc.aio.AioRpcError(
        error.code(),
        error.initial_metadata(),
        grpc.aio.Metadata(*trailing, (DETAILS_KEY, details)),
        details=failure.message,
        debug_error_string=error.debug_error_string(),
    )
