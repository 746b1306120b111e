"""The events of an answer, and the way from a turn to the client that listens to it.

A turn outlives its listener: it runs as a task of its own, and what it says goes through a bounded
queue. A listener that leaves is noticed at the next thing said, never in the middle of an effect.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.coordinator.sessions.cart import Cart
from services.coordinator.sessions.serving import Citation
from services.coordinator.sessions.turn import PlacedOrder, Turn, Usage

_BUFFERED = 64


@dataclass(frozen=True, slots=True)
class Replayed:
    """What follows was said before: the message came again. Only ever the first event."""


@dataclass(frozen=True, slots=True)
class TextSaid:
    """A piece of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """A tool answered, or refused."""

    tool_call_id: str
    name: str
    arguments: str
    ok: bool


@dataclass(frozen=True, slots=True)
class CartChanged:
    """The cart is another one now."""

    cart: Cart


@dataclass(frozen=True, slots=True)
class OrderPlaced:
    """An order was placed."""

    order: PlacedOrder


@dataclass(frozen=True, slots=True)
class Cited:
    """The answer rests on this."""

    citation: Citation


@dataclass(frozen=True, slots=True)
class TokensUsed:
    """What the model took for the turn."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class TurnDone:
    """The turn is finished and stored."""

    turn: Turn


ToldEvent = TextSaid | ToolCalled | CartChanged | OrderPlaced | Cited | TokensUsed | TurnDone
TurnEvent = Replayed | ToldEvent


class ListenerGone(RuntimeError):
    """Nobody listens to the answer any more."""


class Listener:
    """A bounded queue of events from a turn to whoever reads it."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[TurnEvent | None] = asyncio.Queue(_BUFFERED)
        # What was taken to see whether it goes on with the text before it; at most one.
        self._ahead: list[TurnEvent | None] = []
        self._gone = asyncio.Event()
        self._speaking: asyncio.Timeout | None = None

    @property
    def gone(self) -> bool:
        """Whether the reader has left."""
        return self._gone.is_set()

    async def say(self, event: TurnEvent) -> None:
        """Hands the event over; waits for a slow reader, drops it for one that left."""
        await self._put(event)

    async def end(self) -> None:
        """Says that nothing follows."""
        await self._put(None)

    def leave(self) -> None:
        """The reader leaves."""
        self._gone.set()
        if self._speaking is not None:
            self._speaking.reschedule(asyncio.get_running_loop().time())

    @asynccontextmanager
    async def heard(self) -> AsyncIterator[None]:
        """A block for what only the reader wants: raises ListenerGone as soon as they leave."""
        if self.gone:
            raise ListenerGone
        try:
            async with asyncio.timeout(None) as speaking:
                self._speaking = speaking
                try:
                    yield
                finally:
                    self._speaking = None
        except TimeoutError:
            if self.gone:
                raise ListenerGone from None
            raise

    async def events(self) -> AsyncIterator[TurnEvent]:
        """The events until the end; pieces of text that wait are told as one."""
        while (event := await self._next()) is not None:
            if isinstance(event, TextSaid):
                event = self._with_what_waits(event)
            yield event

    async def _next(self) -> TurnEvent | None:
        return self._ahead.pop() if self._ahead else await self._events.get()

    def _with_what_waits(self, said: TextSaid) -> TextSaid:
        # A message to the client costs as much as a hundred words of it.
        pieces = [said.text]
        while not self._ahead and not self._events.empty():
            event = self._events.get_nowait()
            if isinstance(event, TextSaid):
                pieces.append(event.text)
            else:
                self._ahead.append(event)
        return TextSaid("".join(pieces))

    async def _put(self, event: TurnEvent | None) -> None:
        if self.gone:
            return
        try:
            self._events.put_nowait(event)
        except asyncio.QueueFull:
            await self._put_when_read(event)

    async def _put_when_read(self, event: TurnEvent | None) -> None:
        put = asyncio.ensure_future(self._events.put(event))
        left = asyncio.ensure_future(self._gone.wait())
        try:
            await asyncio.wait((put, left), return_when=asyncio.FIRST_COMPLETED)
        finally:
            put.cancel()
            left.cancel()


async def replay(turn: Turn) -> AsyncIterator[TurnEvent]:
    """The events that tell a stored turn again."""
    yield Replayed()
    if turn.text:
        yield TextSaid(turn.text)
    yield CartChanged(turn.cart)
    if turn.order is not None:
        yield OrderPlaced(turn.order)
    for citation in turn.citations:
        yield Cited(citation)
    yield TokensUsed(turn.usage)
    yield TurnDone(turn)
