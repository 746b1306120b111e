"""A worker that dies in the middle of an attempt: another makes it again, and nothing is lost."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from maitred.orders.v1 import webhook_pb2

from services.assembly.home import Home
from tests.integration.orders.webhooking import ORDERS, QUICK, House, webhooks
from tests.support.mesh import own_environment
from tests.support.receiver import receiving
from tests.support.servers import MigratedDatabase
from tests.support.services import KEY, SETTINGS, eventually, guest

DELIVERED = webhook_pb2.WEBHOOK_DELIVERY_STATUS_DELIVERED
ORDERED = 6

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(database: MigratedDatabase, redis_url: str) -> AsyncIterator[House]:
    async with webhooks(database, redis_url, has_worker=False) as running:
        yield running


@contextmanager
def worker(
    database: MigratedDatabase, redis_url: str, home: Home
) -> Iterator["subprocess.Popen[bytes]"]:
    """The worker as it runs in production, in a process of its own."""
    # Attempts of a worker that is killed late are not the last.
    quick = QUICK | {"webhook_retry_waits_s": ",".join("0" * 9)}
    settings = {f"MAITRED_ORDERS_{name.upper()}": str(value) for name, value in quick.items()} | {
        "MAITRED_DB_WORKER_URL": database.service_url("worker"),
        "MAITRED_DB_ORDERS_URL": database.service_url("orders"),
        "MAITRED_DB_LEARNING_URL": database.service_url("learning"),
        "REDIS_URL": redis_url,
        "MAITRED_WORKER_LISTEN": "127.0.0.1:0",
        "MAITRED_WORKER_ADMIN_LISTEN": "127.0.0.1:0",
        "MAITRED_MESH_PUBLIC_KEYS": KEY.public_pem,
        "MAITRED_PAGE_TOKEN_KEY": SETTINGS["page_token_key"],
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "services.assembly.cli", "serve", "worker"],
        env={**own_environment(home), **settings},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def test_what_a_killed_worker_was_sending_is_delivered_by_another(
    house: House, database: MigratedDatabase, redis_url: str, tmp_path: Path
) -> None:
    owner = await house.owner()
    async with receiving() as receiver:
        receiver.gate.clear()
        made = await owner.create(receiver.url, ORDERS)
        placed = {
            (await owner.orders.order(guest(owner.tenant_id))).order_id for _ in range(ORDERED)
        }
        with worker(database, redis_url, Home(tmp_path)) as first:

            async def is_sending() -> bool:
                return len(receiver.messages) >= 3

            await eventually(is_sending, 120)
            first.kill()
        receiver.gate.set()
        with worker(database, redis_url, Home(tmp_path)):

            async def is_done() -> bool:
                deliveries = await owner.deliveries(made.webhook.webhook_id)
                return [one.status for one in deliveries] == [DELIVERED] * ORDERED

            await eventually(is_done, 120)
        deliveries = await owner.deliveries(made.webhook.webhook_id)
        lost = [
            attempt
            for delivery in deliveries
            for attempt in (await owner.delivery(delivery)).attempts
            if "lost" in attempt.error
        ]
    assert {one.event_id for one in deliveries} == {message.id for message in receiver.messages}
    events = [message.verified(made.secret) for message in receiver.messages]
    assert {event["data"]["order_id"] for event in events} == placed
    assert lost
