"""What a subscriber sees that reads more slowly than events come."""

from uuid import UUID

import pytest
import redis.asyncio

from services.chassis.data.streams import (
    Cursor,
    SlowConsumer,
    StreamEvent,
    StreamReader,
    Subscription,
)

TENANT = UUID(int=3)


class CaughtUp(StreamReader):
    """A reader whose subscribers have missed nothing."""

    def joined(self, subscription: Subscription, tenant_id: UUID) -> bool:
        return True


def event(seq: int) -> StreamEvent:
    return StreamEvent(Cursor(3, seq), TENANT, "gst_1", "maitred.order.v1", b"{}")


async def test_one_who_was_cut_off_never_sees_what_came_after_the_gap() -> None:
    subscription = Subscription(CaughtUp(redis.asyncio.Redis()), TENANT, Cursor(3, 0), limit=2)
    for seq in (1, 2, 3):
        subscription.offer(event(seq))
    seen = []

    async def read() -> None:
        async for item in subscription:
            seen.append(item.cursor.seq)
            subscription.offer(event(4))

    with pytest.raises(SlowConsumer):
        await read()
    assert seen == [1, 2]
    assert subscription.cursor == Cursor(3, 2)
