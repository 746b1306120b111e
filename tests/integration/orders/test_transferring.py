"""A transfer's job dies, runs again, and is overtaken."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from maitred.orders.v1 import (
    catalog_service_pb2,
    catalog_transfer_pb2,
    catalog_transfer_service_pb2,
    catalog_transfer_service_pb2_grpc,
)

from services.chassis.data.ids import from_id
from services.chassis.data.jobs import ComputeCrashed, Job, JobContext
from services.chassis.data.postgres import Connection, Database
from services.chassis.rpc.identity import Principal, Role
from services.chassis.run.lifecycle import open_resources
from services.chassis.run.telemetry import open_telemetry
from services.orders.config import OrdersConfig
from services.orders.transfers.wiring import build_jobs
from tests.integration.orders.serving import OrdersClient
from tests.support.servers import MigratedDatabase
from tests.support.services import SETTINGS, metadata, with_role

SUCCEEDED = catalog_transfer_pb2.CATALOG_TRANSFER_STATE_SUCCEEDED
FAILED = catalog_transfer_pb2.CATALOG_TRANSFER_STATE_FAILED
WAITING = catalog_transfer_pb2.CATALOG_TRANSFER_STATE_WAITING
DEARER = "product_id,price_minor\nespresso,999\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def job(database: MigratedDatabase) -> AsyncIterator[Job]:
    """The job, as the worker would have it."""
    config = OrdersConfig(database_url=database.service_url("orders"), **SETTINGS)
    async with AsyncExitStack() as stack:
        telemetry = open_telemetry("orders-jobs", "", 1.0)
        (one,) = build_jobs(
            config, await open_resources("orders-jobs", config, stack, telemetry)
        ).jobs
        yield one


@pytest.fixture
def manager(tenant_id: UUID) -> Principal:
    return with_role(tenant_id, Role.MANAGER)


class Transfers:
    """A manager who asks for transfers and looks at them."""

    def __init__(self, client: OrdersClient, manager: Principal) -> None:
        self._stub = catalog_transfer_service_pb2_grpc.CatalogTransferServiceStub(client.channel)
        self._client = client
        self._manager = manager

    async def ask(self, content: str = DEARER) -> str:
        request = catalog_transfer_service_pb2.ImportCatalogRequest(
            format=catalog_transfer_pb2.CATALOG_FORMAT_CSV,
            mode=catalog_transfer_pb2.CATALOG_IMPORT_MODE_MERGE,
            content=content,
        )
        asked = await self._stub.ImportCatalog(request, metadata=metadata(self._manager))
        return str(asked.transfer.transfer_id)

    async def get(self, transfer_id: str) -> catalog_transfer_pb2.CatalogTransfer:
        request = catalog_transfer_service_pb2.GetCatalogTransferRequest(transfer_id=transfer_id)
        found = await self._stub.GetCatalogTransfer(request, metadata=metadata(self._manager))
        transfer: catalog_transfer_pb2.CatalogTransfer = found.transfer
        return transfer

    async def listed(self) -> list[catalog_transfer_pb2.CatalogTransfer]:
        """The newest first."""
        request = catalog_transfer_service_pb2.ListCatalogTransfersRequest()
        page = await self._stub.ListCatalogTransfers(request, metadata=metadata(self._manager))
        return list(page.transfers)

    async def price(self, product_id: str, minor: int | None = None) -> int:
        """What a product costs, after it was changed to `minor`."""
        request = catalog_service_pb2.UpdateProductRequest(product_id=product_id, price_minor=minor)
        if minor is not None:
            await self._client.catalogs.UpdateProduct(request, metadata=metadata(self._manager))
        known = catalog_service_pb2.GetProductRequest(product_id=product_id)
        found = await self._client.catalogs.GetProduct(known, metadata=metadata(self._manager))
        return int(found.product.price_minor)


@pytest.fixture
def transfers(client: OrdersClient, manager: Principal) -> Transfers:
    return Transfers(client, manager)


async def at_once(function: Callable[..., Any], *args: object) -> Any:
    """Computes here."""
    return function(*args)


def run_of(
    tenant_id: UUID, transfer_id: str, compute: Any = at_once, attempt: int = 1
) -> JobContext:
    async def progress(done: int, total: int, note: str = "") -> None: ...

    return JobContext(
        job_id=1,
        tenant=tenant_id,
        args={"transfer_id": str(from_id("trf", transfer_id))},
        attempt=attempt,
        progress=progress,
        compute=compute,
        is_aborted=lambda: False,
    )


async def test_what_died_before_it_wrote_its_end_changes_nothing_twice(
    job: Job, transfers: Transfers, tenant_id: UUID, sees: Connection
) -> None:
    transfer_id = await transfers.ask()
    await job.run(run_of(tenant_id, transfer_id))
    await sees.execute(
        "UPDATE orders.catalog_transfers SET state = 'running', end_time = NULL,"
        " changed = 0 WHERE tenant_id = $1",
        tenant_id,
    )
    assert await transfers.price("espresso", 111) == 111
    await job.run(run_of(tenant_id, transfer_id, attempt=2))
    assert await transfers.price("espresso") == 111
    done = await transfers.get(transfer_id)
    assert (done.state, done.changed_count) == (SUCCEEDED, 1)


async def test_what_was_changed_while_it_computed_is_kept(
    job: Job, transfers: Transfers, tenant_id: UUID
) -> None:
    computed = 0

    async def overtaken(function: Callable[..., Any], *args: object) -> Any:
        nonlocal computed
        computed += 1
        content = function(*args)
        if computed == 1:
            await transfers.price("latte", 222)
        return content

    transfer_id = await transfers.ask()
    await job.run(run_of(tenant_id, transfer_id, overtaken))
    assert computed == 2
    assert (await transfers.get(transfer_id)).changed_count == 1
    assert (await transfers.price("espresso"), await transfers.price("latte")) == (999, 222)


async def test_the_last_attempt_is_an_end_whoever_waits_can_see(
    job: Job, transfers: Transfers, tenant_id: UUID
) -> None:
    async def crash(function: Callable[..., Any], *args: object) -> Any:
        raise ComputeCrashed("the process that computed it died")

    transfer_id = await transfers.ask()
    for attempt in range(1, job.retry.attempts + 1):
        transfer = await transfers.get(transfer_id)
        assert not transfer.HasField("end_time")
        with pytest.raises(ComputeCrashed):
            await job.run(run_of(tenant_id, transfer_id, crash, attempt))
    transfer = await transfers.get(transfer_id)
    assert transfer.state == FAILED
    (problem,) = transfer.problems
    assert "on our side" in problem.description


async def job_of(sees: Connection, transfer_id: str) -> int:
    number: int = await sees.fetchval(
        "SELECT job_id FROM orders.catalog_transfers WHERE transfer_id = $1",
        from_id("trf", transfer_id),
    )
    return number


@pytest.mark.parametrize(
    ("ending", "is_running", "problem"),
    [
        ("cancelled", False, "It was called off before it began."),
        ("aborted", True, "It was called off; see whether it was done before you ask again."),
        ("failed", True, "It failed on our side; see whether it was done before you ask again."),
    ],
)
async def test_a_transfer_ends_with_its_job(
    transfers: Transfers, sees: Connection, ending: str, is_running: bool, problem: str
) -> None:
    transfer_id, other = await transfers.ask(), await transfers.ask()
    if is_running:
        await sees.execute(
            "UPDATE orders.catalog_transfers SET state = 'running' WHERE transfer_id = $1",
            from_id("trf", transfer_id),
        )
    await sees.execute(
        "UPDATE jobs.procrastinate_jobs SET status = $2 WHERE id = $1",
        *(await job_of(sees, transfer_id), ending),
    )
    ended = await transfers.get(transfer_id)
    assert (ended.state, [one.description for one in ended.problems]) == (FAILED, [problem])
    assert ended.HasField("end_time")
    assert await transfers.get(transfer_id) == ended
    assert [one.state for one in await transfers.listed()] == [WAITING, FAILED]
    assert (await transfers.get(other)).state == WAITING


async def test_a_transfer_whose_job_is_forgotten_has_failed(
    transfers: Transfers, sees: Connection
) -> None:
    transfer_id = await transfers.ask()
    number = await job_of(sees, transfer_id)
    await sees.execute("DELETE FROM jobs.procrastinate_jobs WHERE id = $1", number)
    assert [one.state for one in await transfers.listed()] == [FAILED]


async def test_of_jobs_a_service_learns_only_how_its_tenants_ended(
    transfers: Transfers, tenant_id: UUID, database: MigratedDatabase, sees: Connection
) -> None:
    number = await job_of(sees, await transfers.ask())
    await sees.execute("UPDATE jobs.procrastinate_jobs SET status = 'failed' WHERE id = $1", number)
    found = {}
    async with Database.connect(database.service_url("orders"), max_size=1) as orders:
        for tenant in (tenant_id, uuid4()):
            async with orders.tenant(tenant) as connection:
                found[tenant] = await connection.fetchval(
                    "SELECT status FROM jobs.ended_v1($1)", [number]
                )
    assert [*found.values()] == ["failed", "forgotten"]
