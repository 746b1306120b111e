"""Transfers: asked for once for a key, with the job that does them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.chassis.data.idempotency import Answer, IdempotencyKeys, Scope
from services.chassis.data.jobs import Deferred, Queue, defer
from services.chassis.data.postgres import Connection, Database, Queries
from services.orders.transfers.transfer import (
    Counts,
    Format,
    Mode,
    Problem,
    State,
    Transfer,
    Wanted,
    abandoned,
)

JOB = "orders.transfer_catalog"
_QUERIES = Queries.load(__package__)
DELETE_OLD = _QUERIES.delete_old_transfers


class TransferStore:
    """Reads and writes transfers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ask(
        self,
        keys: IdempotencyKeys,
        scope: Scope,
        request: bytes,
        make: Callable[[], tuple[Wanted, bytes]],
    ) -> Answer:
        """Keeps a transfer and defers its job, once for the scope's key.

        Args:
            keys: of the schema.
            scope: whose tenant, and the key.
            request: what the key stands for.
            make: called only for a new key; the transfer and the answer.
        """

        async def work(connection: Connection) -> bytes:
            wanted, answer = make()
            # One at a time for a tenant, in the order they were asked for.
            number = await defer(
                connection,
                Deferred(
                    Queue.INGESTION,
                    JOB,
                    scope.tenant_id,
                    {"transfer_id": str(wanted.transfer_id)},
                    lock=f"{JOB}:{scope.tenant_id}",
                ),
            )
            await connection.execute(
                _QUERIES.insert_transfer,
                scope.tenant_id,
                wanted.transfer_id,
                wanted.asked_by,
                wanted.is_import,
                wanted.format.value,
                wanted.mode.value,
                wanted.is_dry_run,
                wanted.content,
                wanted.create_time,
                number,
            )
            return answer

        return await keys.run_once(scope, request, work)

    async def settle(self, tenant_id: UUID, now: datetime) -> None:
        """Ends transfers whose job was called off, or lost with its worker in the last attempt."""
        async with self._database.tenant(tenant_id) as connection:
            for row in await connection.fetch(_QUERIES.list_abandoned, tenant_id):
                problem = abandoned(State(row["state"]), row["status"])
                await connection.execute(
                    _QUERIES.fail_transfer,
                    *(tenant_id, row["transfer_id"], [problem.line], [problem.column]),
                    *([problem.description], now),
                )

    async def get(self, tenant_id: UUID, transfer_id: UUID) -> Transfer | None:
        """A transfer, if there is one."""
        async with self._database.tenant(tenant_id) as connection:
            row = await connection.fetchrow(_QUERIES.read_transfer, tenant_id, transfer_id)
        return _transfer(row) if row else None

    async def page(self, tenant_id: UUID, before: UUID | None, size: int) -> list[Transfer]:
        """Transfers before one, newest first."""
        async with self._database.tenant(tenant_id) as connection:
            rows = await connection.fetch(_QUERIES.list_transfers, tenant_id, before, size)
        return [_transfer(row) for row in rows]

    async def content(self, tenant_id: UUID, transfer_id: UUID) -> str:
        """What a transfer that there is was given or wrote."""
        async with self._database.tenant(tenant_id) as connection:
            return str(await connection.fetchval(_QUERIES.read_content, tenant_id, transfer_id))

    async def tell(self, tenant_id: UUID, transfer_id: UUID, done: int, total: int) -> None:
        """So many of so many products are through."""
        await self._execute(_QUERIES.tell_progress, tenant_id, transfer_id, done, total)

    async def finish_import(
        self, tenant_id: UUID, transfer_id: UUID, products: int, counts: Counts, now: datetime
    ) -> None:
        """It is done, and that is what it changed."""
        await self._execute(
            _QUERIES.finish_import,
            tenant_id,
            transfer_id,
            products,
            counts.added,
            counts.changed,
            counts.removed,
            now,
        )

    async def finish_export(
        self, tenant_id: UUID, transfer_id: UUID, products: int, content: str, now: datetime
    ) -> None:
        """It is done, and that is what it wrote."""
        await self._execute(_QUERIES.finish_export, tenant_id, transfer_id, products, content, now)

    async def fail(
        self, tenant_id: UUID, transfer_id: UUID, problems: Sequence[Problem], now: datetime
    ) -> None:
        """Nothing came of it."""
        await self._execute(
            _QUERIES.fail_transfer,
            tenant_id,
            transfer_id,
            [problem.line for problem in problems],
            [problem.column for problem in problems],
            [problem.description for problem in problems],
            now,
        )

    async def _execute(self, query: str, tenant_id: UUID, *args: object) -> None:
        async with self._database.tenant(tenant_id) as connection:
            await connection.execute(query, tenant_id, *args)


def _transfer(row: Any) -> Transfer:
    return Transfer(
        transfer_id=row["transfer_id"],
        asked_by=row["asked_by"],
        is_import=row["is_import"],
        format=Format(row["format"]),
        mode=Mode(row["mode"]),
        is_dry_run=row["is_dry_run"],
        state=State(row["state"]),
        done=row["done"],
        total=row["total"],
        counts=Counts(row["added"], row["changed"], row["removed"]),
        problems=tuple(
            Problem(description, line, column)
            for line, column, description in zip(
                row["problem_lines"],
                row["problem_columns"],
                row["problem_descriptions"],
                strict=True,
            )
        ),
        create_time=row["create_time"],
        end_time=row["end_time"],
    )
