"""What conversations need of their store."""

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from uuid import UUID

from services.coordinator.sessions.cart import Cart
from services.coordinator.sessions.progress import Checkpoint, Progress
from services.coordinator.sessions.turn import (
    CallKey,
    Dialogue,
    Exchange,
    Lease,
    Owner,
    PlacedOrder,
    Turn,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ToolRecord:
    """A tool call with an effect, as it is kept for good."""

    key: CallKey
    tool_call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class LostTurn:
    """A turn that stopped around an effect and will not go on: another message came instead.

    Attributes:
        begun: the call whose outcome is unknown; None if every effect was recorded.
    """

    turn: Turn
    checkpoint: Checkpoint
    begun: CallKey | None


@dataclass(frozen=True, slots=True)
class Begun:
    """A turn that may run now, under a lease.

    Attributes:
        cart: the session's cart.
        dialogue: the session's dialogue.
        history: what was said before, oldest first.
        read_back: fingerprint of the cart read back by the assistant's previous message, or empty.
        checkpoint: where to go on; None to begin at the start.
        lost: earlier turns to be settled first.
        came_before: whether the guest began another conversation before; not told once it is
            decided who serves this one.
    """

    turn: Turn
    lease: Lease
    cart: Cart
    dialogue: Dialogue
    history: tuple[Exchange, ...]
    read_back: str
    checkpoint: Checkpoint | None
    lost: tuple[LostTurn, ...]
    came_before: bool = False


class TurnStore(Protocol):
    """Where sessions and turns are kept. Every write is fenced by the lease's epoch.

    Writes under a lease raise LeaseLost when another process holds the session.
    """

    async def begin(
        self, owner: Owner, session_id: UUID, request_id: str, text: str
    ) -> Begun | Turn:
        """Takes the session's lease for a message; a finished turn if the key has one.

        Raises SessionNotFound, SessionBusy, RequestInProgress, KeyReused.
        """
        ...

    async def hold(self, lease: Lease, work: Coroutine[Any, Any, T]) -> T:
        """What the work returns; the lease is renewed meanwhile. A lost one cancels the work."""
        ...

    async def begin_effect(
        self, lease: Lease, turn: Turn, checkpoint: Checkpoint, record: ToolRecord
    ) -> int:
        """Stores where the turn stands and that the call begins; which attempt it is, from 1."""
        ...

    async def record_effect(
        self, lease: Lease, turn: Turn, key: CallKey, ok: bool, checkpoint: Checkpoint
    ) -> None:
        """Stores what the call came to: in its row, the turn, and the session."""
        ...

    async def settle(
        self, lease: Lease, lost: LostTurn, order: PlacedOrder | None, text: str
    ) -> None:
        """Closes a lost turn: failed, or finished with `text` and an empty cart if it ordered.

        What it recommended is told either way.
        """
        ...

    async def finish(self, lease: Lease, turn: Turn, progress: Progress, read_back: str) -> Turn:
        """Stores the finished turn and what the next needs, and gives the lease back."""
        ...

    async def fail(self, lease: Lease, turn: Turn) -> None:
        """Stores that the turn ended by an error, and gives the lease back."""
        ...
