"""Evenings at the demo tenants of a mesh, disturbed or not, and four accounts that have to agree.

Guests know what they were told, staff what they saw on the event stream, a listener of our own
which positions it heard, and the database what is true.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field

import httpx
import psycopg

from services.assembly.client import Event, GatewayClient
from services.assembly.demo.access import DemoTenant
from services.assembly.demo.play import Books, Evening, Part
from tests.support.mesh import RunningMesh, wait_until

CATCH_UP_S = 60.0


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An order's event of `events.log`: its position, its id, its order and the order's status."""

    cursor: str
    event_id: str
    order_id: str
    status: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """The database of a mesh, read by the migrator, who sees every tenant."""

    database_url: str

    def orders(self, tenant_id: str) -> Mapping[str, str]:
        """The quote of every order of a tenant, by order."""
        return {
            f"ord_{order.replace('-', '')}": quote
            for order, quote in self._rows(
                "SELECT order_id::text, quote_id::text FROM orders.orders WHERE tenant_id = %s",
                tenant_id,
            )
        }

    def head(self, tenant_id: str) -> str:
        """The position of the last event of a tenant; of its partition if it has none yet."""
        ((cursor,),) = self._rows(
            "SELECT partition || '-' || head_seq FROM events.partitions"
            " WHERE partition = get_byte(sha256(uuid_send(%s)), 0) %% 16",
            tenant_id,
        )
        return str(cursor)

    def events(self, tenant_id: str, after: str) -> list[LoggedEvent]:
        """The log's events of a tenant's orders after a position, in order."""
        rows = self._rows(
            "SELECT partition || '-' || seq, convert_from(payload, 'UTF8') FROM events.log"
            " WHERE tenant_id = %s AND seq > %s AND type = 'maitred.order.v1' ORDER BY seq",
            tenant_id,
            int(after.partition("-")[2]),
        )
        found = []
        for cursor, payload in rows:
            event = json.loads(payload)
            data = event["data"]
            found.append(LoggedEvent(cursor, event["id"], data["order_id"], data["status"]))
        return found

    def wait_until_logged(self) -> None:
        """Returns once every event is in the log; fails after a minute."""
        wait_until(lambda: not self._rows("SELECT 1 FROM events.outbox LIMIT 1"), CATCH_UP_S)

    def _rows(self, query: str, *arguments: object) -> list[tuple[str, ...]]:
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(query.encode(), arguments).fetchall()


@dataclass(slots=True)
class Listener:
    """Somebody of a tenant's staff who hears every event after a position, whatever breaks."""

    staff: GatewayClient
    after: str
    heard: list[Event] = field(default_factory=list)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self) -> None:
        """Listens until cancelled."""
        async for event in self.staff.events(self.after):
            if event.kind != "position":
                self.heard.append(event)
                self._more.set()

    async def until(self, cursor: str) -> None:
        """Returns once that position was heard, or after a minute."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP_S):
                while not any(event.cursor == cursor for event in self.heard):
                    self._more.clear()
                    await self._more.wait()


@dataclass(frozen=True, slots=True)
class TenantAccount:
    """What one tenant's evening left behind.

    Attributes:
        rows: quotes by order, of the orders placed this evening.
        logged: the evening's events of orders in the log.
        heard: those that the listener heard.
    """

    rows: Mapping[str, str]
    logged: Sequence[LoggedEvent]
    heard: Sequence[Event]


@dataclass(frozen=True, slots=True)
class Account:
    """What an evening left behind."""

    books: Books
    tenants: Sequence[TenantAccount]

    def assert_nothing_lost_or_doubled(self) -> None:
        """Every account tells of the same orders, each placed once and announced in order."""
        assert list(self.books.problems()) == []
        rows = {order_id for tenant in self.tenants for order_id in tenant.rows}
        assert rows == self.books.placed == self.books.announced
        for tenant in self.tenants:
            assert len(set(tenant.rows.values())) == len(tenant.rows)
            placed = [event.order_id for event in tenant.logged if event.status == "placed"]
            assert sorted(placed) == sorted(tenant.rows)
            assert [
                (event.cursor, event.data["id"], event.data["data"]["status"])
                for event in tenant.heard
                if event.kind == "order"
            ] == [(event.cursor, event.event_id, event.status) for event in tenant.logged]


async def play(
    mesh: RunningMesh,
    parts: Sequence[Part],
    disturb: Callable[[], Awaitable[None]] | None = None,
) -> Account:
    """Plays an evening; `disturb` runs once a third of what guests say was answered."""
    ledger = Ledger(mesh.record.database_url)
    before = {one.tenant_id: set(ledger.orders(one.tenant_id)) for one in mesh.demo}
    heads = {one.tenant_id: ledger.head(one.tenant_id) for one in mesh.demo}
    middle = asyncio.Event()
    to_come = sum(len(part.says) for part in parts) // 3

    def progress(_part: Part, what: str) -> None:
        nonlocal to_come
        to_come -= what == "said"
        if to_come <= 0:
            middle.set()

    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=mesh.gateway_url))
        listeners = {
            one.tenant_id: Listener(GatewayClient(http, one.staff_key), heads[one.tenant_id])
            for one in mesh.demo
        }
        tasks = [asyncio.create_task(one.listen()) for one in listeners.values()]
        for task in tasks:
            stack.callback(task.cancel)
        evening = asyncio.create_task(Evening(mesh.gateway_url, mesh.demo, parts, progress).play())
        if disturb is not None:
            await middle.wait()
            await disturb()
        books = await evening
        accounts = [
            await _account(ledger, one, before[one.tenant_id], listeners[one.tenant_id])
            for one in mesh.demo
        ]
    return Account(books, accounts)


async def _account(
    ledger: Ledger, tenant: DemoTenant, before: set[str], listener: Listener
) -> TenantAccount:
    await asyncio.to_thread(ledger.wait_until_logged)
    logged = ledger.events(tenant.tenant_id, listener.after)
    if logged:
        await listener.until(logged[-1].cursor)
    rows = {
        order_id: quote
        for order_id, quote in ledger.orders(tenant.tenant_id).items()
        if order_id not in before
    }
    return TenantAccount(rows, logged, tuple(listener.heard))
