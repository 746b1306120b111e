"""The streams a consumer reads, written as the relay writes them."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.chassis.data.ids import IdFactory, to_id
from services.chassis.data.outbox import PARTITIONS, cloud_event, partition_of
from services.chassis.data.redis_client import open_redis
from services.chassis.data.streams import Cursor, StreamEvent, stream_key, tell_restored
from services.chassis.rpc.identity import Principal, Role

NEW = IdFactory(lambda: datetime.now(UTC)).new
WHO = "gst_1"


def teller(tenant_id: UUID) -> Principal:
    """The guest whose events these are."""
    return Principal(tenant_id, WHO, frozenset({Role.GUEST}))


class Streams:
    """Publishes events of any tenant, each after the last of its partition."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._seqs: Counter[int] = Counter()

    async def publish(
        self, tenant_id: UUID, event_type: str, *, principal_id: str = WHO, **data: object
    ) -> None:
        partition = partition_of(tenant_id)
        self._seqs[partition] += 1
        payload = cloud_event(
            event_id=NEW(),
            source="/maitred/test",
            event_type=event_type,
            subject=to_id("fbk", NEW()),
            time=datetime.now(UTC),
            data={"tenant_id": str(tenant_id), "principal_id": principal_id, **data},
        )
        seq = self._seqs[partition]
        event = StreamEvent(Cursor(partition, seq), tenant_id, principal_id, event_type, payload)
        await self._client.xadd(stream_key(partition), event.fields(), id=f"{seq}-0")

    async def rate(self, tenant_id: UUID, decision_id: str, reward: float) -> None:
        """A guest rated what a decision was worth."""
        await self.publish(
            tenant_id, "maitred.feedback.v1", decision_id=decision_id, reward=reward, rating=3
        )

    async def order(self, tenant_id: UUID, decision_id: str, status: str = "placed") -> None:
        """An order changed status."""
        await self.publish(tenant_id, "maitred.order.v1", decision_id=decision_id, status=status)

    async def abandon(self, tenant_id: UUID, decision_id: str) -> None:
        """A guest left something in the cart."""
        await self.publish(
            tenant_id, "maitred.session.v1", decision_id=decision_id, status="abandoned"
        )


@asynccontextmanager
async def streaming(redis_url: str) -> AsyncIterator[Streams]:
    """Empty streams to publish to."""
    async with open_redis(redis_url) as client:
        await tell_restored(client, range(PARTITIONS))
        yield Streams(client)
