"""Relay and learning in this process, on servers of their own, and callers they believe."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import grpc
from maitred.learning.v1 import (
    cycle_pb2,
    cycle_service_pb2,
    cycle_service_pb2_grpc,
    recommendation_pb2,
    recommendation_service_pb2,
    recommendation_service_pb2_grpc,
    trust_pb2,
    trust_service_pb2,
    trust_service_pb2_grpc,
)
from prometheus_client import CollectorRegistry

from services.chassis.data.outbox import CHANNEL, append, partition_of
from services.chassis.data.postgres import Database
from services.chassis.data.redis_client import open_redis
from services.chassis.data.streams import decode, stream_key
from services.chassis.rpc.identity import Principal, Role
from services.chassis.run.lifecycle import Component, Resources, Target
from services.learning.config import LearningConfig
from services.learning.wiring import build
from services.relay.config import RelayConfig
from services.relay.wiring import build as build_relay
from tests.integration.learning.telling import Guest
from tests.support.servers import MigratedDatabase
from tests.support.services import (
    SETTINGS,
    Clock,
    eventually,
    metadata,
    on_clock,
    running,
    with_role,
)


@dataclass(frozen=True, slots=True)
class LearningClient:
    """A running service, how to tell it what happened and how to ask it.

    Attributes:
        channel: to the service.
        clock: its clock.
        registry: its metrics.
        producer: Postgres as a role that writes events.
        streams: the streams' server.
    """

    channel: grpc.aio.Channel
    clock: Clock
    registry: CollectorRegistry
    producer: Database
    streams: Any
    trusts: trust_service_pb2_grpc.TrustServiceStub = field(init=False)
    recommended: recommendation_service_pb2_grpc.RecommendationServiceStub = field(init=False)
    cycles: cycle_service_pb2_grpc.CycleServiceStub = field(init=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "trusts", trust_service_pb2_grpc.TrustServiceStub(self.channel))
        put(
            self,
            "recommended",
            recommendation_service_pb2_grpc.RecommendationServiceStub(self.channel),
        )
        put(self, "cycles", cycle_service_pb2_grpc.CycleServiceStub(self.channel))

    async def happens(self, *guests: Guest) -> None:
        """Tells what happened to guests of one tenant; returns once it was learned."""
        await self.tell(*guests)
        # What comes last is learned last: one tenant's events are in order.
        last = Guest(guests[0].tenant_id, agent_id="messenger").is_answered()
        await self.tell(last)
        await self.until(lambda: self._is_recorded(last))

    async def tell(self, *guests: Guest) -> None:
        """Commits what happened to guests of one tenant since the last time, in its order."""
        async with self.producer.tenant(guests[0].tenant_id) as connection:
            for guest in guests:
                for event in guest.told:
                    await append(connection, event)
                guest.told.clear()
        async with self.producer.connection() as connection:
            await connection.execute(f"NOTIFY {CHANNEL}")

    async def until(self, condition: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
        """Returns once the condition holds."""
        await eventually(condition, seconds)

    async def recommendations(
        self, tenant_id: UUID, **arguments: Any
    ) -> list[recommendation_pb2.Recommendation]:
        """The newest first."""
        response = await self.recommended.ListRecommendations(
            recommendation_service_pb2.ListRecommendationsRequest(**arguments),
            metadata=metadata(with_role(tenant_id, Role.STAFF)),
        )
        return list(response.recommendations)

    async def outcomes(self, tenant_id: UUID, agent_id: str = "seller") -> list[tuple[str, float]]:
        """Who told how each of an agent's recommendations turned out, the oldest first."""
        found = await self.recommendations(tenant_id, agent_id=agent_id)
        return [(one.outcome_source, one.outcome) for one in reversed(found)]

    async def trust(self, tenant_id: UUID, agent_id: str = "seller") -> trust_pb2.Trust:
        response = await self.trusts.GetTrust(
            trust_service_pb2.GetTrustRequest(agent_id=agent_id),
            metadata=metadata(with_role(tenant_id, Role.STAFF)),
        )
        return response.trust

    async def override(
        self,
        principal: Principal,
        state: trust_pb2.TrustState.ValueType,
        agent_id: str = "seller",
    ) -> trust_pb2.Trust:
        response = await self.trusts.OverrideTrust(
            trust_service_pb2.OverrideTrustRequest(agent_id=agent_id, state=state),
            metadata=metadata(principal),
        )
        return response.trust

    async def run_cycle(self, tenant_id: UUID) -> cycle_pb2.Cycle:
        response = await self.cycles.RunCycle(
            cycle_service_pb2.RunCycleRequest(),
            metadata=metadata(with_role(tenant_id, Role.MANAGER)),
        )
        return response.cycle

    async def streamed(self, tenant_id: UUID) -> list[dict[str, Any]]:
        """The data of every trust event of a tenant, the oldest first."""
        partition = partition_of(tenant_id)
        entries = await self.streams.xrange(stream_key(partition), "-", "+")
        events = [decode(partition, entry_id, fields) for entry_id, fields in entries]
        return [
            json.loads(event.payload)["data"]
            for event in events
            if event.type == "maitred.trust.v1" and event.tenant_id == tenant_id
        ]

    def counted(self, name: str, **labels: str) -> float:
        """A metric's value; 0 where it was never counted."""
        return self.registry.get_sample_value(name, labels) or 0.0

    async def _is_recorded(self, guest: Guest) -> bool:
        newest = await self.recommendations(guest.tenant_id, agent_id=guest.agent_id, page_size=1)
        return bool(newest) and newest[0].recommendation_id == guest.recommendation_ids[-1]


@asynccontextmanager
async def serving(
    database: MigratedDatabase, redis_url: str, **settings: Any
) -> AsyncIterator[LearningClient]:
    """Both services, as their processes would run them but for learning's clock."""
    clock = Clock()
    registries: list[CollectorRegistry] = []
    config = LearningConfig(
        database_url=database.service_url("learning"),
        redis_url=redis_url,
        **{**SETTINGS, **settings},
    )
    relay = RelayConfig(
        listen="127.0.0.1:0",
        admin_listen="127.0.0.1:0",
        database_url=database.service_url("relay"),
        redis_url=redis_url,
        page_token_key="secret",
    )

    async def counted(config: LearningConfig, resources: Resources) -> Component:
        registries.append(resources.telemetry.registry)
        return await build(config, resources)

    async with (
        running(
            Target("learning", config, on_clock(counted, clock)),
            Target("relay", relay, build_relay),
        ) as bound,
        grpc.aio.insecure_channel(f"127.0.0.1:{bound.grpc['learning']}") as channel,
        Database.connect(database.service_url("coordinator")) as producer,
        open_redis(redis_url) as streams,
    ):
        yield LearningClient(channel, clock, registries[0], producer, streams)
