"""Writes that happen once for a key (IETF httpapi idempotency-key draft).

A key is taken by inserting its row in the transaction of the write itself. A concurrent twin waits
on the unique index: when the first commits it answers with the stored bytes, when the first fails
it does the work. So there are no leases and no rows in flight, and only successes are stored.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from services.chassis.data.postgres import Connection, Database
from services.chassis.data.tenancy import guarded
from services.chassis.rpc.errors import Failure, aborted, precondition

RETRY_AFTER_S = 1.0


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose key it is, for which RPC: the same key of another principal is another key."""

    tenant_id: UUID
    principal_id: str
    rpc: str
    key: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A write's answer as stored, and whether it is an earlier one."""

    body: bytes
    replayed: bool


def fingerprint(request: bytes) -> bytes:
    """What of a request is compared: SHA-256 of its deterministic bytes without the key."""
    return hashlib.sha256(request).digest()


def key_reused(key: str) -> Failure:
    """The key came before with another request."""
    return precondition(
        "IDEMPOTENCY_KEY_REUSED",
        "The idempotency key was used before with another request.",
        key=key,
    )


def in_progress() -> Failure:
    """The same key is still at work somewhere else."""
    return aborted(
        "REQUEST_IN_PROGRESS",
        "A request with this idempotency key is still at work; try again.",
        retry_after=RETRY_AFTER_S,
    )


def idempotency_table(schema: str) -> str:
    """SQL for a migration: the table of a schema's keys."""
    table = f"{schema}.idempotency_keys"
    return f"""
CREATE TABLE {table} (
    tenant_id uuid NOT NULL,
    principal_id text NOT NULL,
    rpc text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    answer bytea NOT NULL,
    create_time timestamptz NOT NULL,
    expire_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, principal_id, rpc, key)
);
CREATE INDEX idempotency_keys_by_expiry ON {table} (tenant_id, expire_time);
{guarded(table)}"""


def delete_expired_keys(schema: str) -> str:
    """A statement for `expiry.Expiry`; keys that somebody holds wait for the next round."""
    table = f"{schema}.idempotency_keys"
    return (
        f"DELETE FROM {table}"  # noqa: S608 - the schema is the caller's own constant
        " WHERE (tenant_id, principal_id, rpc, key) IN ("
        f"SELECT tenant_id, principal_id, rpc, key FROM {table}"
        " WHERE tenant_id = $1 AND expire_time <= $2"
        " ORDER BY expire_time LIMIT $3 FOR UPDATE SKIP LOCKED)"
    )


class IdempotencyKeys:
    """The keys of one schema."""

    def __init__(
        self, database: Database, schema: str, served: Callable[[UUID], None] = lambda _: None
    ) -> None:
        """The keys in `schema`; `served` is told whose key is asked for."""
        self._database = database
        self._served = served
        table = f"{schema}.idempotency_keys"
        # An expired key that is not deleted yet is free.
        self._take = (
            f"INSERT INTO {table}"  # noqa: S608 - the schema is the caller's own constant
            " (tenant_id, principal_id, rpc, key, fingerprint, answer, create_time, expire_time)"
            " VALUES ($1, $2, $3, $4, $5, '', now(), now() + interval '24 hours')"
            " ON CONFLICT (tenant_id, principal_id, rpc, key) DO UPDATE"
            " SET fingerprint = excluded.fingerprint, answer = '',"
            " create_time = excluded.create_time, expire_time = excluded.expire_time"
            f" WHERE {table.partition('.')[2]}.expire_time < now()"
            " RETURNING key"
        )
        self._read = (
            f"SELECT fingerprint, answer FROM {table}"  # noqa: S608
            " WHERE tenant_id = $1 AND principal_id = $2 AND rpc = $3 AND key = $4"
            " AND expire_time >= now()"
        )
        self._store = (
            f"UPDATE {table} SET answer = $5"  # noqa: S608
            " WHERE tenant_id = $1 AND principal_id = $2 AND rpc = $3 AND key = $4"
        )

    async def run_once(
        self,
        scope: Scope,
        request: bytes,
        work: Callable[[Connection], Awaitable[bytes]],
    ) -> Answer:
        """Does `work` in a tenant transaction, once for the scope's key.

        Args:
            scope: whose key, and which; an empty key is no key.
            request: deterministic bytes of the request without its key.
            work: writes by the connection given and returns the answer.

        Raises:
            Failure: FAILED_PRECONDITION IDEMPOTENCY_KEY_REUSED; ABORTED REQUEST_IN_PROGRESS if
                somebody holds the key, or a row `work` needs, for too long; or whatever `work`
                raises, with nothing stored.
        """
        try:
            async with self._database.tenant(scope.tenant_id) as connection:
                return await self._run_once(connection, scope, request, work)
        except asyncpg.LockNotAvailableError:
            raise in_progress() from None

    async def stored(self, scope: Scope, request: bytes) -> Answer | None:
        """The answer kept for the scope's key; None if there is none.

        For work of many transactions, each of which may be done again: `run_once` then keeps what
        came of them.

        Raises:
            Failure: FAILED_PRECONDITION IDEMPOTENCY_KEY_REUSED.
        """
        if not scope.key:
            return None
        async with self._database.tenant(scope.tenant_id) as connection:
            body = await self._found(connection, scope, fingerprint(request))
        return None if body is None else Answer(body, replayed=True)

    async def _run_once(
        self,
        connection: Connection,
        scope: Scope,
        request: bytes,
        work: Callable[[Connection], Awaitable[bytes]],
    ) -> Answer:
        self._served(scope.tenant_id)
        if not scope.key:
            return Answer(await work(connection), replayed=False)
        stored = await self._taken(connection, scope, fingerprint(request))
        if stored is not None:
            return Answer(stored, replayed=True)
        body = await work(connection)
        await connection.execute(self._store, *_identity(scope), body)
        return Answer(body, replayed=False)

    async def _taken(self, connection: Connection, scope: Scope, wanted: bytes) -> bytes | None:
        """The stored answer of a key taken before; None when it has just become ours."""
        if await connection.fetchrow(self._take, *_identity(scope), wanted) is not None:
            return None
        found = await self._found(connection, scope, wanted)
        if found is None:
            raise in_progress()
        return found

    async def _found(self, connection: Connection, scope: Scope, wanted: bytes) -> bytes | None:
        row = await connection.fetchrow(self._read, *_identity(scope))
        if row is None:
            return None
        if row["fingerprint"] != wanted:
            raise key_reused(scope.key)
        answer: bytes = row["answer"]
        return answer


def _identity(scope: Scope) -> tuple[UUID, str, str, str]:
    return scope.tenant_id, scope.principal_id, scope.rpc, scope.key
