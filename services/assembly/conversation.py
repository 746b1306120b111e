"""One guest's conversation over HTTP, whose answers survive a dropped stream."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Self
from uuid import uuid4

from services.assembly.client import AGAIN, BrokenOff, Event, GatewayClient, Refused

TRIES = 12
PAUSE_S = 0.5
NOT_FOUND = 404
RUNNING = "TURN_STATE_RUNNING"
FINISHED = "TURN_STATE_FINISHED"


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation that a client has begun."""

    client: GatewayClient
    session_id: str

    @classmethod
    async def begin(cls, client: GatewayClient) -> Self:
        """A new one."""
        session = await client.call("POST", "/api/v1/sessions", {})
        return cls(client, session["session_id"])

    async def ask(self, text: str) -> AsyncIterator[Event]:
        """What comes of a message, each thing once: `token`, `cart`, `order`, `citation`.

        A stream that drops is taken up from the stored turn; a message that never arrived is sent
        again under the same key, so that it is answered once.

        Raises:
            Refused: the gateway would not answer, or not within the tries.
        """
        key = f"msg-{uuid4().hex}"
        told = _Told()
        last = Refused(0, {"detail": "the answer broke off"})
        for attempt in range(TRIES):
            told.begin()
            try:
                async for event in self._answer(text, key, again=attempt > 0):
                    if fresh := told.news(event):
                        yield fresh
                    if event.kind == "done":
                        return
            except BrokenOff:
                continue
            except Refused as refused:
                if refused.status not in AGAIN:
                    raise
                last = refused
            await asyncio.sleep(PAUSE_S * (attempt + 1))
        raise last

    async def _answer(self, text: str, key: str, *, again: bool) -> AsyncIterator[Event]:
        """The stored turn if the message arrived before, else the answer as it is made."""
        turn = await self._stored(key) if again else None
        told = told_by(turn) if turn else self.client.answer(self.session_id, text, key)
        async for event in told:
            yield event

    async def cart(self) -> Mapping[str, Any]:
        """What it holds at this moment."""
        session = await self.client.call("GET", f"/api/v1/sessions/{self.session_id}")
        found: Mapping[str, Any] = session.get("cart", {})
        return found

    async def rate(self, rating: int, comment: str) -> None:
        """Rates whoever serves: 1 to 5 stars; a later rating replaces it."""
        body = {"session_id": self.session_id, "rating": rating, "comment": comment}
        await self.client.call("POST", "/api/v1/feedback/submit", body)

    async def _stored(self, key: str) -> Mapping[str, Any] | None:
        """The turn of a message once it is answered; None if it has to be sent again."""
        path = f"/api/v1/sessions/{self.session_id}/messages/{key}"
        while True:
            try:
                turn = await self.client.call("GET", path)
            except Refused as refused:
                if refused.status == NOT_FOUND:
                    return None
                raise
            if turn["state"] != RUNNING:
                return turn if turn["state"] == FINISHED else None
            await asyncio.sleep(PAUSE_S)


async def told_by(turn: Mapping[str, Any]) -> AsyncIterator[Event]:
    """The events that a stored turn would have been told by."""
    yield Event("", "token", {"text": turn.get("text", "")})
    for kind in ("cart", "order"):
        if turn.get(kind):
            yield Event("", kind, turn[kind])
    for citation in turn.get("citations", ()):
        yield Event("", "citation", citation)
    yield Event("", "done", {"turn": turn})


class _Told:
    """What of an answer has been passed on, in whichever attempt."""

    def __init__(self) -> None:
        self._text = ""
        self._heard = ""
        self._ids: set[str] = set()

    def begin(self) -> None:
        """The answer is told from its start."""
        self._heard = ""

    def news(self, event: Event) -> Event | None:
        """What is new in an event; None for nothing."""
        match event.kind:
            case "token":
                return self._text_of(event.data["text"])
            case "cart":
                # A state, not a happening.
                return event
            case "order":
                return self._once(event, event.data["order_id"])
            case "citation":
                return self._once(event, event.data["chunk_id"])
        return None

    def _once(self, event: Event, name: str) -> Event | None:
        if name in self._ids:
            return None
        self._ids.add(name)
        return event

    def _text_of(self, piece: str) -> Event | None:
        self._heard += piece
        if self._text.startswith(self._heard):
            return None
        # Said anew, a model may word it differently.
        fresh = self._heard.removeprefix(self._text)
        text = fresh if self._heard.startswith(self._text) else f"\n{fresh}"
        self._text = self._heard
        return Event("", "token", {"text": text})
