"""Orders: placed in one round trip or two, moved under their row's lock."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from services.chassis.data.idempotency import (
    Answer,
    IdempotencyKeys,
    Scope,
    fingerprint,
    in_progress,
    key_reused,
)
from services.chassis.data.outbox import OutboxEvent, OutboxNotifier, append, partition_of
from services.chassis.data.postgres import Connection, Database, Queries
from services.chassis.rpc.errors import Failure
from services.orders.orders.order import (
    Change,
    NewOrder,
    OrderFilter,
    Payment,
    QuoteToPlace,
    StoredOrder,
    WantedQuote,
)
from services.orders.orders.states import Actor, OrderState
from services.orders.quotes.quote import StoredQuote
from services.orders.quotes.recent import RecentQuotes

_QUERIES = Queries.load(__package__)


@dataclass(frozen=True, slots=True)
class Move:
    """A change of an order's state, the events that tell of it, the answer.

    `puts_back` says whether what it took off the stock can be sold again.
    """

    change: Change
    events: tuple[OutboxEvent, ...]
    answer: bytes
    puts_back: bool


@dataclass(frozen=True, slots=True)
class Paying:
    """A payment to be written and the event that tells, or neither if it is known; the answer."""

    payment: Payment | None
    events: tuple[OutboxEvent, ...]
    answer: bytes


@dataclass(frozen=True, slots=True)
class Placement:
    """An order about to be placed, and the event that tells."""

    order: NewOrder
    event: OutboxEvent


class OutOfStock(Exception):
    """Fewer are left than are wanted: `remaining` by product id."""

    def __init__(self, remaining: Mapping[str, int]) -> None:
        super().__init__(", ".join(remaining))
        self.remaining = remaining


class PromotionUsedUp(Exception):
    """The customer has had these promotions as often as anyone may."""

    def __init__(self, promotion_ids: Sequence[str]) -> None:
        super().__init__(", ".join(promotion_ids))
        self.promotion_ids = promotion_ids


class ReferenceUsed(Exception):
    """The payment is another order's."""


class OrderStore:
    """Reads and writes orders, and wakes the relay after each commit."""

    def __init__(
        self,
        database: Database,
        keys: IdempotencyKeys,
        notifier: OutboxNotifier,
        recent: RecentQuotes,
    ) -> None:
        self._database = database
        self._keys = keys
        self._notifier = notifier
        self._recent = recent

    async def place(
        self,
        scope: Scope,
        request: bytes,
        wanted: WantedQuote,
        make: Callable[[QuoteToPlace | None], Placement],
    ) -> Answer:
        """Places an order, once for the scope's key and once for its quote.

        Args:
            scope: whose tenant, and the key.
            request: what the key stands for.
            wanted: the quote to place.
            make: given the quote, or None; returns the order and its event or raises a Failure.
                Not called for a key that came before.

        Returns:
            The bytes of the order as placed, by this call or by the first one.

        Raises:
            Failure: of `make`; FAILED_PRECONDITION IDEMPOTENCY_KEY_REUSED, ABORTED
                REQUEST_IN_PROGRESS.
            OutOfStock, PromotionUsedUp: it cannot be had; nothing is left behind.
        """
        asked = fingerprint(request)
        remembered = self._placement(scope.tenant_id, wanted, make)
        async with self._database.connection() as connection:
            row = None
            if remembered is not None:
                quote, placement = remembered
                row = await _write(
                    *(connection, _QUERIES.place_known_quote),
                    *(quote.cart, quote.expire_time, quote.signature),
                    *_arguments(scope, asked, placement),
                )
            if row is None or row["outcome"] == "quote_changed":
                known, found = await _look_up(connection, scope, wanted)
                if known is not None:
                    return _replay(scope, known, asked)
                arguments = _arguments(scope, asked, make(found))
                row = await _write(connection, _QUERIES.place_order, *arguments)
        if row is None:
            raise in_progress()
        match row["outcome"]:
            case "key_reused":
                raise key_reused(scope.key)
            case "out_of_stock":
                raise OutOfStock(dict(zip(row["refused"], row["remaining"], strict=True)))
            case "promotion_used_up":
                raise PromotionUsedUp(row["refused"])
            case "placed":
                self._notifier.committed()
                return Answer(row["answer"], replayed=False)
        return Answer(row["answer"], replayed=True)

    def _placement(
        self,
        tenant_id: UUID,
        wanted: WantedQuote,
        make: Callable[[QuoteToPlace | None], Placement],
    ) -> tuple[StoredQuote, Placement] | None:
        """The quote and what it makes, if it is remembered and nothing speaks against it."""
        quote = self._recent.take(tenant_id, wanted.quote_id)
        if quote is None or wanted.owner not in (None, quote.principal_id):
            return None
        known = QuoteToPlace(
            principal_id=quote.principal_id,
            cart=quote.cart,
            expire_time=quote.expire_time,
            signature=quote.signature,
            is_ordered=False,
            is_remembered=True,
        )
        # Its key may have an answer already: only who has read that may refuse.
        with suppress(Failure):
            return quote, make(known)
        return None

    async def get(
        self, tenant_id: UUID, order_id: UUID, owner: str | None
    ) -> tuple[StoredOrder, Sequence[Change]] | None:
        """The order and its changes, if there is one and `owner` (None: anyone) owns it."""
        async with self._database.tenant(tenant_id) as connection:
            order = await _one(connection, _QUERIES.get_order, tenant_id, order_id, owner)
            if order is None:
                return None
            if order.version == 1:
                return order, ()
            rows = await connection.fetch(_QUERIES.list_changes, tenant_id, order_id)
        return order, [_change(row) for row in rows]

    async def page(
        self, tenant_id: UUID, chosen: OrderFilter, before: UUID | None, limit: int
    ) -> list[StoredOrder]:
        """At most `limit` orders older than `before` (None: from the newest), newest first."""
        async with self._database.tenant(tenant_id) as connection:
            await connection.execute(_QUERIES.plan_for_arguments)
            rows = await connection.fetch(
                _QUERIES.list_orders,
                tenant_id,
                chosen.principal_id,
                chosen.status,
                before,
                chosen.session_id,
                limit,
            )
        return [_order(row) for row in rows]

    async def move(
        self,
        scope: Scope,
        request: bytes,
        order_id: UUID,
        owner: str | None,
        decide: Callable[[StoredOrder | None], Move],
    ) -> Answer:
        """Changes an order's state and tells of it in one transaction, once for the scope's key.

        Args:
            scope: whose tenant, and the key.
            request: what the key stands for.
            order_id: the order.
            owner: who must own it; None for anyone.
            decide: given the order under its lock, or None; returns the move or raises a Failure.

        Raises:
            Failure: of `decide`; ABORTED REQUEST_IN_PROGRESS if somebody holds it for too long.
        """

        async def work(connection: Connection) -> bytes:
            order = await _one(connection, _QUERIES.lock_order, scope.tenant_id, order_id, owner)
            move = decide(order)
            change = move.change
            await connection.execute(
                _QUERIES.move_order,
                *(scope.tenant_id, order_id, change.status, change.version, change.time),
                *(change.role, change.actor_id, change.reason),
            )
            if move.puts_back:
                await connection.execute(_QUERIES.put_back, scope.tenant_id, order_id)
            for event in move.events:
                await append(connection, event)
            return move.answer

        answer = await self._keys.run_once(scope, request, work)
        self._notifier.committed()
        return answer

    async def pay(
        self,
        scope: Scope,
        request: bytes,
        order_id: UUID,
        decide: Callable[[StoredOrder | None], Paying],
    ) -> Answer:
        """Writes an order's payment and tells of it in one transaction, once for the scope's key.

        Args:
            scope: whose tenant, and the key.
            request: what the key stands for.
            order_id: the order, anyone's.
            decide: given the order under its lock, or None; what to write or a Failure raised.

        Raises:
            Failure: of `decide`; ABORTED REQUEST_IN_PROGRESS if somebody holds it for too long.
            ReferenceUsed: the payment is another order's.
        """

        async def work(connection: Connection) -> bytes:
            order = await _one(connection, _QUERIES.lock_order, scope.tenant_id, order_id, None)
            paying = decide(order)
            if paid := paying.payment:
                await connection.execute(
                    _QUERIES.pay_order,
                    *(scope.tenant_id, order_id, paid.reference, paid.amount_minor, paid.time),
                )
            for event in paying.events:
                await append(connection, event)
            return paying.answer

        try:
            answer = await self._keys.run_once(scope, request, work)
        except asyncpg.UniqueViolationError as violation:
            if violation.constraint_name != "orders_by_payment":
                raise
            raise ReferenceUsed from None
        self._notifier.committed()
        return answer


async def _look_up(
    connection: Connection, scope: Scope, wanted: WantedQuote
) -> tuple[asyncpg.Record | None, QuoteToPlace | None]:
    """The key's row if it came before, and the quote if its owner may see it."""
    row = await connection.fetchrow(
        _QUERIES.read_quote_to_place,
        scope.tenant_id,
        scope.principal_id,
        scope.key,
        wanted.quote_id,
        wanted.owner,
        wanted.now,
    )
    if row is None or row["fingerprint"] is not None:
        return row, None
    if row["cart"] is None:
        return None, None
    return None, QuoteToPlace(
        principal_id=row["principal_id"],
        cart=row["cart"],
        expire_time=row["expire_time"],
        signature=row["signature"],
        is_ordered=row["is_ordered"],
        is_remembered=False,
    )


async def _write(connection: Connection, query: str, *arguments: object) -> asyncpg.Record | None:
    """What became of an order; None if the key in its way was deleted meanwhile.

    Raises:
        Failure: ABORTED REQUEST_IN_PROGRESS if somebody holds what it needs for too long.
    """
    try:
        return await connection.fetchrow(query, *arguments)
    except asyncpg.LockNotAvailableError:
        raise in_progress() from None


def _replay(scope: Scope, known: asyncpg.Record, asked: bytes) -> Answer:
    if known["fingerprint"] != asked:
        raise key_reused(scope.key)
    return Answer(known["answer"], replayed=True)


def _arguments(scope: Scope, asked: bytes, placement: Placement) -> tuple[object, ...]:
    """Of orders.place_order_v3, in its order."""
    order, event = placement.order, placement.event
    return (
        *(scope.tenant_id, scope.principal_id, scope.key, asked),
        *(order.order_id, order.quote_id, order.owner, order.session_id or None),
        *(order.subtotal_minor, order.total_minor, order.currency_code),
        *(order.placed, order.create_time),
        [line.product_id for line in order.lines],
        [line.quantity for line in order.lines],
        [line.unit_price_minor for line in order.lines],
        [line.total_minor for line in order.lines],
        [discount.promotion_id for discount in order.discounts],
        [discount.amount_minor for discount in order.discounts],
        *(order.decision_id or None, order.recommendation_ids),
        [limit.promotion_id for limit in order.limits],
        [limit.uses for limit in order.limits],
        order.first_orders,
        *(partition_of(scope.tenant_id), event.event_id, event.type),
        *(event.aggregate_id, event.payload),
    )


async def _one(
    connection: Connection, query: str, tenant_id: UUID, order_id: UUID, owner: str | None
) -> StoredOrder | None:
    row = await connection.fetchrow(query, tenant_id, order_id, owner)
    return _order(row) if row else None


def _order(row: asyncpg.Record) -> StoredOrder:
    return StoredOrder(
        order_id=row["order_id"],
        principal_id=row["principal_id"],
        status=OrderState(row["status"]),
        version=row["version"],
        update_time=row["update_time"],
        placed=row["placed"],
        payment=_payment(row["paid_reference"], row["paid_minor"], row["paid_time"]),
    )


def _payment(reference: str | None, amount_minor: int, time: datetime) -> Payment | None:
    return None if reference is None else Payment(reference, amount_minor, time)


def _change(row: asyncpg.Record) -> Change:
    return Change(
        version=row["version"],
        status=OrderState(row["status"]),
        role=Actor(row["role"]),
        actor_id=row["actor_id"],
        reason=row["reason"],
        time=row["change_time"],
    )
