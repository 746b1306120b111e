"""A conversation: a message comes in, one turn answers it, however often the message is sent."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from uuid import UUID

from services.coordinator.sessions.cart import Cart, fingerprint, is_alike
from services.coordinator.sessions.ports import Begun, LostTurn, TurnStore
from services.coordinator.sessions.progress import Progress
from services.coordinator.sessions.stream import (
    CartChanged,
    Cited,
    Listener,
    OrderPlaced,
    TextSaid,
    TokensUsed,
    TurnDone,
    TurnEvent,
    replay,
)
from services.coordinator.sessions.turn import CallKey, Owner, PlacedOrder, Turn, Usage
from services.coordinator.tools.guard import is_read_back
from services.coordinator.workflows.engine import Engine

_SETTLED_TEXT = "Your order was placed."

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TurnRules:
    """What a turn runs by.

    Attributes:
        engine_of: the workflow with its nodes bound to a turn and its listener.
        read_back: the words that read a cart back; an answer that holds them reads it back.
        find_placed: the order a confirmed call has placed, from its key and cart.
        model_name: whose usage is counted.
    """

    engine_of: Callable[[Begun, Listener], Engine[Progress]]
    read_back: Callable[[Cart], str]
    find_placed: Callable[[CallKey, Cart], Awaitable[PlacedOrder | None]]
    model_name: str


@dataclass(frozen=True, slots=True)
class Conversations:
    """Answers messages. Turns go on when their listener leaves; `drain` waits for them."""

    store: TurnStore
    rules: TurnRules
    running: set[asyncio.Task[None]] = field(default_factory=set)

    async def chat(
        self, owner: Owner, session_id: UUID, request_id: str, text: str
    ) -> AsyncIterator[TurnEvent]:
        """The events of the answer.

        Raises SessionNotFound, SessionBusy, RequestInProgress, KeyReused before the first event;
        LeaseLost, and what tools and stores raise, at any time.
        """
        listener = Listener()
        task = asyncio.create_task(self._serve(listener, owner, session_id, request_id, text))
        self.running.add(task)
        task.add_done_callback(self._ended)
        try:
            async for event in listener.events():
                yield event
            await asyncio.shield(task)
        finally:
            listener.leave()

    async def drain(self, grace_s: float) -> None:
        """Returns when no turn runs any more; after the grace those that do are given up."""
        if not self.running:
            return
        _, late = await asyncio.wait(self.running, timeout=grace_s)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.info("turn_ended_early", extra={"error": type(error).__name__})

    async def _serve(
        self, listener: Listener, owner: Owner, session_id: UUID, request_id: str, text: str
    ) -> None:
        try:
            begun = await self.store.begin(owner, session_id, request_id, text)
            if isinstance(begun, Turn):
                async for event in replay(begun):
                    await listener.say(event)
                return
            await self._answer(begun, listener)
        finally:
            await listener.end()

    async def _answer(self, begun: Begun, listener: Listener) -> None:
        try:
            turn = await self.store.hold(begun.lease, self._run(begun, listener))
        except BaseException:
            await self.store.fail(begun.lease, begun.turn)
            raise
        await listener.say(TurnDone(turn))

    async def _run(self, begun: Begun, listener: Listener) -> Turn:
        for lost in begun.lost:
            begun = await self._settle(begun, lost, listener)
        engine = self.rules.engine_of(begun, listener)
        if begun.checkpoint is None:
            position = engine.start()
            progress = Progress(begun.cart, begun.dialogue, Usage(model=self.rules.model_name))
        else:
            position, progress = begun.checkpoint.position, begun.checkpoint.progress
            await _say_again(progress, begun.cart, listener)
        progress = await engine.run(position, progress)
        turn = await self.store.finish(
            begun.lease, begun.turn, progress, self._read_back_in(progress)
        )
        await listener.say(TokensUsed(turn.usage))
        return turn

    def _read_back_in(self, progress: Progress) -> str:
        """The fingerprint of the cart, if the answer reads back exactly that."""
        cart = progress.cart
        if cart.is_empty or not is_read_back(progress.text, self.rules.read_back(cart)):
            return ""
        return fingerprint(cart)

    async def _settle(self, begun: Begun, lost: LostTurn, listener: Listener) -> Begun:
        """Finds out what became of a turn that stopped around an effect, and closes it."""
        reached = lost.checkpoint.progress
        order = reached.order
        if lost.begun is not None:
            order = await self.rules.find_placed(lost.begun, reached.cart)
        await self.store.settle(begun.lease, lost, order, _SETTLED_TEXT if order else "")
        if order is None:
            serving = begun.dialogue.serving or reached.dialogue.serving
            return replace(begun, dialogue=replace(begun.dialogue, serving=serving))
        await listener.say(OrderPlaced(order))
        await listener.say(CartChanged(Cart()))
        return replace(begun, cart=Cart(), dialogue=reached.dialogue.afresh())


async def _say_again(progress: Progress, cart: Cart, listener: Listener) -> None:
    """Tells a listener of a resumed turn what was told before it stopped."""
    if progress.text:
        await listener.say(TextSaid(progress.text))
    if not is_alike(progress.cart, cart):
        await listener.say(CartChanged(progress.cart))
    if progress.order is not None:
        await listener.say(OrderPlaced(progress.order))
    for citation in progress.citations:
        await listener.say(Cited(citation))
