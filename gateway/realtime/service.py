"""maitred.identity.v1.PresenceService."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

import grpc
from maitred.identity.v1 import presence_pb2, presence_service_pb2, presence_service_pb2_grpc

from gateway.identity.convert import from_roles, from_time
from gateway.realtime.connections import Kind
from gateway.realtime.couriers import Couriers
from gateway.realtime.presence import Presence, Present
from services.chassis.data.pages import PageTokens, page_size
from services.chassis.rpc.call import current
from services.chassis.rpc.identity import Role
from services.chassis.rpc.server import ServicerBinding

Context = grpc.aio.ServicerContext[Any, Any]

_KINDS = {
    Kind.SSE: presence_pb2.CONNECTION_KIND_SSE,
    Kind.WEBSOCKET: presence_pb2.CONNECTION_KIND_WEBSOCKET,
}
_GUEST = frozenset({Role.GUEST})


class PresenceService(presence_service_pb2_grpc.PresenceServiceServicer):
    """Who of the caller's tenant is there."""

    def __init__(self, presence: Presence, couriers: Couriers, tokens: PageTokens) -> None:
        self._presence = presence
        self._couriers = couriers
        self._tokens = tokens

    @property
    def binding(self) -> ServicerBinding:
        """How a server serves it."""
        return ServicerBinding(
            "maitred.identity.v1.PresenceService",
            presence_service_pb2_grpc.add_PresenceServiceServicer_to_server,
            self,
        )

    async def GetPresence(
        self, request: presence_service_pb2.GetPresenceRequest, context: Context
    ) -> presence_service_pb2.GetPresenceResponse:
        present = await self._presence.of(current().principal.tenant_id, request.principal_id)
        return presence_service_pb2.GetPresenceResponse(presence=_from_present(present))

    async def ListPresences(
        self, request: presence_service_pb2.ListPresencesRequest, context: Context
    ) -> presence_service_pb2.ListPresencesResponse:
        tenant_id = current().principal.tenant_id
        arguments = {"list": "presences", "tenant": str(tenant_id)}
        position = self._tokens.decode(request.page_token, arguments)
        size = page_size(request.page_size)
        everyone = await self._presence.everyone(tenant_id)
        after = str(position[0]) if position else ""
        begin = bisect_right(everyone, after, key=lambda present: present.principal_id)
        page = everyone[begin : begin + size]
        has_more = begin + size < len(everyone)
        guests = sum(present.roles <= _GUEST for present in everyone)
        return presence_service_pb2.ListPresencesResponse(
            presences=map(_from_present, page),
            next_page_token=(
                self._tokens.encode([page[-1].principal_id], arguments) if has_more else ""
            ),
            guest_count=guests,
            staff_count=len(everyone) - guests,
        )

    async def SendMessage(
        self, request: presence_service_pb2.SendMessageRequest, context: Context
    ) -> presence_service_pb2.SendMessageResponse:
        message_id, count = await self._couriers.send(
            current().principal.tenant_id, request.principal_id, request.type, request.data
        )
        return presence_service_pb2.SendMessageResponse(
            message_id=message_id, connection_count=count
        )


def _from_present(present: Present) -> presence_pb2.Presence:
    return presence_pb2.Presence(
        principal_id=present.principal_id,
        roles=from_roles(present.roles),
        connections=[
            presence_pb2.LiveConnection(
                kind=_KINDS[live.kind],
                start_time=from_time(live.since),
                replica_id=live.replica_id,
            )
            for live in present.connections
        ],
    )
