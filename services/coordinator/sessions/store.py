"""Sessions, turns and tool calls in Postgres. Every write under a lease checks its epoch."""

import json
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import asyncpg

from services.chassis.data import outbox
from services.chassis.data.ids import to_id
from services.chassis.data.leases import TERM_S, while_renewed
from services.chassis.data.postgres import Connection, Database, Queries
from services.coordinator.sessions import cart as carts
from services.coordinator.sessions.cart import Cart
from services.coordinator.sessions.events import RECOMMENDATION, recommended
from services.coordinator.sessions.ports import Begun, LostTurn, ToolRecord
from services.coordinator.sessions.progress import (
    Checkpoint,
    Progress,
    checkpoint_from_json,
    checkpoint_to_json,
    dialogue_from_json,
)
from services.coordinator.sessions.rows import (
    Row,
    begun_of,
    cart_json,
    citations_json,
    dialogue_json,
    ended,
    history_before,
    lost_turn_of,
    order_json,
    read_back_before,
    served_by,
    session_of,
    turn_of,
)
from services.coordinator.sessions.turn import (
    CallKey,
    Dialogue,
    KeyReused,
    Lease,
    LeaseLost,
    Owner,
    PlacedOrder,
    RequestInProgress,
    Session,
    SessionBusy,
    SessionNotFound,
    Turn,
    TurnNotFound,
    TurnState,
)

T = TypeVar("T")

REMEMBERED_TURNS = 20


class SessionStore:
    """Conversations of all tenants, each by transactions of its own tenant.

    Args:
        clock: for times that are shown; leases go by the database's clock.
        new_id: makes ids of sessions, turns and events.
        committed: called after a transaction that wrote events.
        term_s: seconds a lease lasts unless it is renewed.
    """

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
        committed: Callable[[], None],
        term_s: float = TERM_S,
    ) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._committed = committed
        self._term_s = term_s
        self._sql = Queries.load(__package__)

    async def create(self, connection: Connection, owner: Owner) -> Session:
        """Begins a conversation in the transaction given."""
        now = self._clock()
        session = Session(self._new_id(), owner, Cart(), Dialogue(), now, now)
        key = (owner.tenant_id, session.session_id, owner.principal_id)
        await connection.execute(
            self._sql.insert_session,
            *key,
            cart_json(session.cart),
            dialogue_json(session.dialogue),
            now,
        )
        return session

    async def get(self, owner: Owner, session_id: UUID) -> Session:
        """The owner's session. Raises SessionNotFound."""
        async with self._database.tenant(owner.tenant_id) as connection:
            return await self._session(connection, owner, session_id)

    async def get_turn(self, owner: Owner, session_id: UUID, request_id: str) -> Turn:
        """A turn of the owner's session. Raises SessionNotFound, TurnNotFound."""
        async with self._database.tenant(owner.tenant_id) as connection:
            await self._session(connection, owner, session_id)
            key = (owner.tenant_id, session_id, owner.principal_id)
            row = await connection.fetchrow(self._sql.get_turn, *key, request_id)
            if row is None:
                raise TurnNotFound(request_id)
            return turn_of(row)

    async def list_turns(
        self, owner: Owner, session_id: UUID, after: int, limit: int
    ) -> Sequence[Turn]:
        """At most `limit` turns after an ordinal, oldest first. Raises SessionNotFound."""
        async with self._database.tenant(owner.tenant_id) as connection:
            await self._session(connection, owner, session_id)
            key = (owner.tenant_id, session_id, owner.principal_id)
            rows = await connection.fetch(self._sql.list_turns, *key, after, limit)
            return [turn_of(row) for row in rows]

    async def begin(
        self, owner: Owner, session_id: UUID, request_id: str, text: str
    ) -> Begun | Turn:
        """As `TurnStore.begin`."""
        turn = self._new_turn(session_id, request_id, 0, text, Cart())
        async with self._database.connection() as connection:
            try:
                row = await connection.fetchrow(
                    self._sql.begin_new_turn,
                    owner.tenant_id,
                    session_id,
                    owner.principal_id,
                    request_id,
                    text,
                    turn.turn_id,
                    turn.create_time,
                    self._term_s,
                    REMEMBERED_TURNS,
                )
            except asyncpg.LockNotAvailableError:
                raise SessionBusy(str(session_id)) from None
        if row is None:
            raise SessionNotFound(str(session_id))
        if row["epoch"] is None:
            return await self._begin_again(owner, session_id, request_id, text)
        return begun_of(row, owner, turn)

    async def _begin_again(
        self, owner: Owner, session_id: UUID, request_id: str, text: str
    ) -> Begun | Turn:
        """Begins where there is something before: the same message, or a turn without an end."""
        async with self._database.tenant(owner.tenant_id) as connection:
            key = (owner.tenant_id, session_id, owner.principal_id)
            try:
                session = await connection.fetchrow(self._sql.lock_session, *key)
            except asyncpg.LockNotAvailableError:
                raise SessionBusy(str(session_id)) from None
            if session is None:
                raise SessionNotFound(str(session_id))
            recent = await connection.fetch(
                self._sql.recent_turns, *key, REMEMBERED_TURNS, request_id
            )
            known = None
            if any(row["request_id"] == request_id for row in recent):
                known = await connection.fetchrow(self._sql.get_turn, *key, request_id)
            stored = None if known is None else turn_of(known)
            if stored is not None and stored.user_text != text:
                raise KeyReused(request_id)
            if stored is not None and stored.state is TurnState.FINISHED:
                return stored
            if session["leased"]:
                is_this = stored is not None and stored.state is TurnState.RUNNING
                raise RequestInProgress(request_id) if is_this else SessionBusy(str(session_id))
            lost = []
            if session["unsettled"]:
                await connection.execute(
                    self._sql.fail_abandoned_turns, *key, request_id, self._clock()
                )
                lost = await connection.fetch(self._sql.lost_turns, *key, request_id)
            latest = recent[0]["ordinal"] if recent else 0
            cart = carts.from_json(json.loads(session["cart"]))
            if known is None or stored is None:
                checkpoint = None
                turn = self._new_turn(session_id, request_id, latest + 1, text, cart)
            else:
                checkpoint = _checkpoint_of(known)
                # If others came after it, what it says now is said last.
                stays = checkpoint is not None or stored.ordinal == latest
                ordinal = stored.ordinal if stays else latest + 1
                turn = replace(stored, state=TurnState.RUNNING, ordinal=ordinal)
            lease = await self._begin_turn(connection, owner, turn)
            was_moved = stored is not None and stored.ordinal != turn.ordinal
            return Begun(
                turn=turn,
                lease=lease,
                cart=cart,
                dialogue=dialogue_from_json(json.loads(session["dialogue"])),
                history=history_before(recent, turn.ordinal),
                # A message that was moved was said before its new neighbour: it approves nothing.
                read_back="" if was_moved else read_back_before(recent, turn.ordinal),
                checkpoint=checkpoint,
                lost=tuple(lost_turn_of(row) for row in lost),
                came_before=session["came_before"],
            )

    async def hold(self, lease: Lease, work: Coroutine[Any, Any, T]) -> T:
        """As `TurnStore.hold`."""
        return await while_renewed(work, lambda: self._renew(lease), self._term_s)

    async def _renew(self, lease: Lease) -> None:
        async with self._database.tenant(lease.owner.tenant_id) as connection:
            await self._fenced(connection, self._sql.renew_lease, lease, self._term_s)

    async def begin_effect(
        self, lease: Lease, turn: Turn, checkpoint: Checkpoint, record: ToolRecord
    ) -> int:
        """As `TurnStore.begin_effect`."""
        async with self._database.connection() as connection:
            attempt: int | None = await connection.fetchval(
                self._sql.begin_effect,
                *_identity(lease),
                lease.epoch,
                turn.turn_id,
                self._clock(),
                json.dumps(checkpoint_to_json(checkpoint)),
                order_json(checkpoint.progress.order),
                record.key.node_id,
                record.key.ordinal,
                record.tool_call_id,
                record.name,
                record.arguments,
            )
        if attempt is None:
            raise LeaseLost(str(lease.session_id))
        return attempt

    async def record_effect(
        self, lease: Lease, turn: Turn, key: CallKey, ok: bool, checkpoint: Checkpoint
    ) -> None:
        """As `TurnStore.record_effect`."""
        progress = checkpoint.progress
        async with self._database.connection() as connection:
            is_held: bool = await connection.fetchval(
                self._sql.record_effect,
                *_identity(lease),
                lease.epoch,
                turn.turn_id,
                self._clock(),
                cart_json(progress.cart),
                dialogue_json(progress.dialogue),
                *served_by(progress),
                json.dumps(checkpoint_to_json(checkpoint)),
                order_json(progress.order),
                key.node_id,
                key.ordinal,
                ok,
            )
        if not is_held:
            raise LeaseLost(str(lease.session_id))

    async def settle(
        self, lease: Lease, lost: LostTurn, order: PlacedOrder | None, text: str
    ) -> None:
        """As `TurnStore.settle`."""
        state = TurnState.FAILED if order is None else TurnState.FINISHED
        reached = replace(lost.checkpoint.progress, text=text, order=order, cart=Cart())
        closed = ended(lost.turn, state, reached, "")
        async with self._database.tenant(lease.owner.tenant_id) as connection:
            await self._fenced(connection, self._sql.fence_session, lease)
            await self._end_turn(connection, lease, closed)
            if lost.begun is not None:
                await self._end_call(connection, lease, lost.begun, order is not None)
            if order is not None:
                afresh = replace(reached, dialogue=reached.dialogue.afresh())
                await self._write_session(connection, lease, afresh)
            for event in self._events(lease, reached):
                await outbox.append(connection, event)
        self._committed()

    async def finish(self, lease: Lease, turn: Turn, progress: Progress, read_back: str) -> Turn:
        """As `TurnStore.finish`."""
        finished = ended(turn, TurnState.FINISHED, progress, read_back)
        events = self._events(lease, progress)
        async with self._database.connection() as connection:
            is_held: bool = await connection.fetchval(
                self._sql.finish_turn,
                *_identity(lease),
                lease.epoch,
                turn.turn_id,
                self._clock(),
                cart_json(progress.cart),
                dialogue_json(progress.dialogue),
                finished.text,
                order_json(finished.order),
                json.dumps(asdict(finished.usage)),
                finished.read_back,
                finished.decision_id,
                finished.agent_id,
                citations_json(finished),
                finished.recommendation_ids,
                outbox.partition_of(lease.owner.tenant_id),
                [event.event_id for event in events],
                RECOMMENDATION,
                to_id("ses", lease.session_id),
                [event.payload for event in events],
            )
        if not is_held:
            raise LeaseLost(str(lease.session_id))
        if events:
            self._committed()
        return finished

    async def fail(self, lease: Lease, turn: Turn) -> None:
        """As `TurnStore.fail`."""
        async with self._database.tenant(lease.owner.tenant_id) as connection:
            await self._fenced(connection, self._sql.release_lease, lease)
            await connection.execute(
                self._sql.fail_turn, *_identity(lease), turn.turn_id, self._clock()
            )

    async def _session(self, connection: Connection, owner: Owner, session_id: UUID) -> Session:
        key = (owner.tenant_id, session_id, owner.principal_id)
        row = await connection.fetchrow(self._sql.get_session, *key)
        if row is None:
            raise SessionNotFound(str(session_id))
        return session_of(row, owner)

    def _new_turn(
        self, session_id: UUID, request_id: str, ordinal: int, text: str, cart: Cart
    ) -> Turn:
        return Turn(
            turn_id=self._new_id(),
            session_id=session_id,
            request_id=request_id,
            ordinal=ordinal,
            user_text=text,
            state=TurnState.RUNNING,
            create_time=self._clock(),
            cart=cart,
        )

    async def _begin_turn(self, connection: Connection, owner: Owner, turn: Turn) -> Lease:
        epoch = await connection.fetchval(
            self._sql.begin_turn,
            owner.tenant_id,
            turn.session_id,
            owner.principal_id,
            turn.ordinal,
            turn.turn_id,
            turn.request_id,
            turn.user_text,
            cart_json(turn.cart),
            turn.create_time,
            self._term_s,
            self._clock(),
        )
        return Lease(owner, turn.session_id, epoch)

    async def _end_turn(self, connection: Connection, lease: Lease, turn: Turn) -> None:
        await connection.execute(
            self._sql.end_turn,
            *_identity(lease),
            turn.turn_id,
            turn.state,
            turn.text,
            cart_json(turn.cart),
            order_json(turn.order),
            json.dumps(asdict(turn.usage)),
            turn.read_back,
            self._clock(),
            turn.decision_id,
            turn.agent_id,
            citations_json(turn),
            turn.recommendation_ids,
        )

    async def _write_session(
        self, connection: Connection, lease: Lease, progress: Progress
    ) -> None:
        await self._fenced(
            connection,
            self._sql.write_session,
            lease,
            cart_json(progress.cart),
            dialogue_json(progress.dialogue),
            self._clock(),
            *served_by(progress),
        )

    def _events(self, lease: Lease, progress: Progress) -> Sequence[outbox.OutboxEvent]:
        """What was recommended, to be written while the session's row is locked."""
        serving = progress.dialogue.serving
        if serving is None:
            return ()
        return [
            recommended(
                recommendation,
                lease.owner,
                lease.session_id,
                serving,
                self._new_id(),
                self._clock(),
            )
            for recommendation in progress.recommendations
        ]

    async def _end_call(self, connection: Connection, lease: Lease, key: CallKey, ok: bool) -> None:
        await connection.execute(
            self._sql.end_call,
            lease.owner.tenant_id,
            key.run_id,
            key.node_id,
            key.ordinal,
            lease.session_id,
            lease.owner.principal_id,
            ok,
            self._clock(),
        )

    async def _fenced(
        self, connection: Connection, statement: str, lease: Lease, *arguments: object
    ) -> None:
        """Runs a statement that touches the session only under the lease's epoch."""
        epoch = await connection.fetchval(statement, *_identity(lease), lease.epoch, *arguments)
        if epoch is None:
            raise LeaseLost(str(lease.session_id))


def _identity(lease: Lease) -> tuple[UUID, UUID, str]:
    return lease.owner.tenant_id, lease.session_id, lease.owner.principal_id


def _checkpoint_of(row: Row) -> Checkpoint | None:
    stored = row["checkpoint"]
    return None if stored is None else checkpoint_from_json(json.loads(stored))
