"""How a keyed write looks on the wire: whose key it is, what it asks for, that it came before."""

from typing import Any

import grpc
from google.protobuf.message import Message

from services.chassis.data.idempotency import Answer, Scope
from services.chassis.rpc.identity import Principal

REPLAYED = (("idempotent-replayed", "true"),)


def scope_of(principal: Principal, rpc: str, key: str) -> Scope:
    """The idempotency key of a call; an empty key is none."""
    return Scope(principal.tenant_id, principal.principal_id, rpc, key)


def keyless(request: Message) -> bytes:
    """What a request asks for, whatever its `request_id`: equal for equal requests."""
    bare = type(request)()
    bare.CopyFrom(request)
    bare.ClearField("request_id")
    return bare.SerializeToString(deterministic=True)


def tell_replayed(context: "grpc.aio.ServicerContext[Any, Any]", answer: Answer) -> None:
    """Says in trailing metadata that an answer was given before."""
    if answer.replayed:
        context.set_trailing_metadata(REPLAYED)
