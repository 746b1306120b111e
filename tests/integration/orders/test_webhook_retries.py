"""All that an endpoint has given up is sent again, however much that is."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import grpc
import pytest
import pytest_asyncio
from maitred.orders.v1 import webhook_service_pb2

from services.chassis.data import postgres
from services.chassis.data.ids import from_id
from services.chassis.data.postgres import Connection
from tests.integration.orders.webhooking import Owner, webhooks
from tests.support.servers import MigratedDatabase
from tests.support.services import failure, metadata

SINCE = datetime(2026, 3, 1, tzinfo=UTC)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def owner(database: MigratedDatabase, redis_url: str) -> AsyncIterator[Owner]:
    """Of what nobody sends: there is no worker."""
    async with webhooks(database, redis_url, has_worker=False) as house:
        yield await house.owner()


@pytest_asyncio.fixture(loop_scope="module")
async def webhook_id(owner: Owner) -> AsyncIterator[str]:
    """An endpoint without deliveries."""
    created = (await owner.create("http://127.0.0.1:9999/hooks")).webhook.webhook_id
    yield created
    await owner.call("DeleteWebhook", webhook_id=created)


async def give_up(
    sees: Connection, owner: Owner, webhook_id: str, count: int, at: datetime = SINCE
) -> None:
    """So many deliveries were given up at a time; their events are numbered from 1."""
    await sees.execute(
        """
        INSERT INTO orders.webhook_deliveries (
            tenant_id, delivery_id, webhook_id, event_id, event_type, payload, status, attempts,
            tries, create_time, finish_time, expire_time
        )
        SELECT $1, ($3 || lpad(to_hex(n), 8, '0'))::uuid, $2, 'evt_' || n, 'maitred.order.v1', '{}',
            'failed', 10, 10, $4, $4, now() + interval '1 day'
        FROM generate_series(1, $5::integer) AS n
        """,
        *(owner.tenant_id, from_id("whk", webhook_id), uuid4().hex[:24], at, count),
    )


async def statuses(sees: Connection, webhook_id: str) -> dict[str, int]:
    """How many deliveries of the endpoint are how far."""
    rows = await sees.fetch(
        "SELECT status, count(*) FROM orders.webhook_deliveries WHERE webhook_id = $1 GROUP BY 1",
        from_id("whk", webhook_id),
    )
    return {row["status"]: row["count"] for row in rows}


async def retry(owner: Owner, webhook_id: str, key: str = "") -> int:
    """How many deliveries given up in March the call says are sent again."""
    answer = await owner.call(
        "RetryWebhookDeliveries", webhook_id=webhook_id, since_time=SINCE, request_id=key
    )
    return int(answer.retried_count)


async def test_more_than_fit_a_transaction_are_retried(
    owner: Owner, webhook_id: str, sees: Connection
) -> None:
    await give_up(sees, owner, webhook_id, 1100)
    assert await retry(owner, webhook_id) == 1100
    assert await statuses(sees, webhook_id) == {"waiting": 1100}
    assert await retry(owner, webhook_id) == 0


async def test_what_was_given_up_before_the_time_is_left(
    owner: Owner, webhook_id: str, sees: Connection
) -> None:
    await give_up(sees, owner, webhook_id, 600, SINCE - timedelta(seconds=1))
    assert await retry(owner, webhook_id) == 0
    assert await statuses(sees, webhook_id) == {"failed": 600}


async def test_a_repeated_key_retries_nothing_more(
    owner: Owner, webhook_id: str, sees: Connection
) -> None:
    key = uuid4().hex
    await give_up(sees, owner, webhook_id, 501)
    assert await retry(owner, webhook_id, key) == 501
    await sees.execute(
        "UPDATE orders.webhook_deliveries SET status = 'failed', finish_time = $2"
        " WHERE webhook_id = $1",
        *(from_id("whk", webhook_id), SINCE),
    )
    assert await retry(owner, webhook_id, key) == 501
    assert await statuses(sees, webhook_id) == {"failed": 501}
    other = owner.call(
        "RetryWebhookDeliveries",
        webhook_id=webhook_id,
        since_time=SINCE + timedelta(seconds=1),
        request_id=key,
    )
    assert (await failure(other)).reason == "IDEMPOTENCY_KEY_REUSED"


async def test_what_a_call_did_before_its_time_was_over_stands(
    owner: Owner, webhook_id: str, sees: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The call's own time is what is over.
    monkeypatch.setattr(postgres, "LOCK_TIMEOUT_MS", 60_000)
    await give_up(sees, owner, webhook_id, 1100)
    request = webhook_service_pb2.RetryWebhookDeliveriesRequest(
        webhook_id=webhook_id, request_id=uuid4().hex
    )
    request.since_time.FromDatetime(SINCE)
    async with sees.transaction():
        await sees.execute(
            "SELECT FROM orders.webhook_deliveries WHERE webhook_id = $1 AND event_id = 'evt_1100'"
            " FOR UPDATE",
            from_id("whk", webhook_id),
        )
        with pytest.raises(grpc.aio.AioRpcError) as late:
            await owner.stub.RetryWebhookDeliveries(
                request, metadata=metadata(owner.principal), timeout=3
            )
        assert late.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    done = (await statuses(sees, webhook_id))["waiting"]
    assert done in {500, 1000}, "as many transactions as there was time for"
    rest = await retry(owner, webhook_id, request.request_id)
    assert rest == 1100 - done, "the same key does the rest"
    assert await statuses(sees, webhook_id) == {"waiting": 1100}
