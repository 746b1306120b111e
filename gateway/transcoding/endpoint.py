"""An annotated method as an HTTP endpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import grpc

from gateway.exchange import Answer, Endpoint, Exchange, json_answer
from gateway.transcoding.bindings import Binding
from gateway.transcoding.idempotency import missing, parse_key
from gateway.transcoding.naming import named_as_sent
from services.chassis.rpc.chain import allowed_roles, check_role, edge_roles

KEY_HEADER = b"idempotency-key"
REPLAYED = "idempotent-replayed"
REPLAYED_HEADERS: Mapping[str, str] = {REPLAYED: "true"}


def transcode(binding: Binding, channel: grpc.aio.Channel, most_bytes: int) -> Endpoint:
    """The endpoint that calls the binding's method through a channel.

    Args:
        binding: what to call, and how HTTP spells it.
        channel: to the service.
        most_bytes: largest body taken.
    """
    # The channel is a peer's: calls on it raise AioRpcError with details.
    call: Callable[[Any], Any] = channel.unary_unary(
        binding.rpc_path,
        request_serializer=binding.request_class.SerializeToString,
        response_deserializer=binding.response_class.FromString,
    )

    roles = edge_roles(binding.method)
    # The service itself checks the others.
    is_narrower = roles != allowed_roles(binding.method)

    async def read(exchange: Exchange) -> Any:
        if is_narrower:
            check_role(exchange.known_caller().principal, roles)
        key = request_key(exchange) if binding.takes_key else ""
        body = await exchange.body(most_bytes) if binding.body else b""
        request = binding.request(exchange.values, exchange.query, body, key)
        if binding.needs_key and not request.request_id:  # type: ignore[attr-defined]
            raise missing()
        return request

    async def answer(exchange: Exchange) -> Answer:
        response = await call(await read(exchange))
        return json_answer(binding.encode(response))

    async def answer_once(exchange: Exchange) -> Answer:
        calling = call(await read(exchange))
        response = await calling
        replayed = is_replayed(await calling.trailing_metadata())
        return json_answer(binding.encode(response), REPLAYED_HEADERS if replayed else {})

    endpoint = answer_once if binding.takes_key else answer
    return endpoint if binding.body in {"", "*"} else named_as_sent(endpoint, binding.body)


def request_key(exchange: Exchange) -> str:
    """The idempotency key of a request's header; empty for none."""
    return parse_key(exchange.header_values(KEY_HEADER))


def is_replayed(metadata: Iterable[tuple[str, str | bytes]] | None) -> bool:
    """Whether a call, as its metadata tells, was answered with what is stored."""
    return (REPLAYED, "true") in tuple(metadata or ())
