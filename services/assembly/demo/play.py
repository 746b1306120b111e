"""Plays the demo evening through the public gateway, and keeps the books of it.

Guests talk and rate, several at once; a member of staff per tenant watches the event stream and
moves each order on. What guests were told, what the stream said and what the lists of orders and
of decisions hold are accounts of the same evening, and have to agree.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import httpx
import yaml

from services.assembly.client import Event, GatewayClient, Refused
from services.assembly.demo.access import DemoTenant
from services.assembly.demo.books import Decision, rewards_due, wrong_reward

EVENING = Path(__file__).parent / "evening.yaml"
AT_ONCE = 6
SETTLE_S = 30.0
LOOK_EVERY_S = 0.25
ONWARD = {"placed": "accepted", "accepted": "preparing", "preparing": "ready", "ready": "completed"}


@dataclass(frozen=True, slots=True)
class Part:
    """A guest of the evening: what they say, and how many lines they order; 0 for no order."""

    tenant: str
    guest: str
    says: tuple[str, ...]
    orders: int


@dataclass(slots=True)
class Visit:
    """What came of a guest: the last answer, the order they were told of, and their rating.

    `decision_id` is the decision they rated; empty where none was made.
    """

    part: Part
    last_answer: str = ""
    order: Mapping[str, Any] | None = None
    stars: int = 0
    decision_id: str = ""

    @property
    def is_as_meant(self) -> bool:
        """Whether they got the order they came for, or none where they wanted none."""
        lines = len(self.order["lines"]) if self.order else 0
        return lines == self.part.orders

    @property
    def rewards(self) -> dict[str, float]:
        """What their decision is to be rewarded, by source."""
        return rewards_due([self.stars] if self.stars else [], self.order is not None)


@dataclass(slots=True)
class Books:
    """The accounts of one evening.

    Attributes:
        seen: statuses by order as the event streams told them, in order.
        repeats: events that came twice.
        listed: orders in the lists of the tenants, made since the evening began.
        decisions: those that were rated, by id.
    """

    visits: list[Visit] = field(default_factory=list)
    seen: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    repeats: int = 0
    listed: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    decisions: dict[str, Decision] = field(default_factory=dict)

    @property
    def placed(self) -> set[str]:
        """Orders guests were told of."""
        return {visit.order["order_id"] for visit in self.visits if visit.order}

    @property
    def announced(self) -> set[str]:
        """Orders the streams said were placed."""
        return {order_id for order_id, statuses in self.seen.items() if "placed" in statuses}

    def problems(self) -> Iterator[str]:
        """What does not agree; nothing after a good evening."""
        if self.placed != set(self.listed):
            yield (
                f"guests were told of {len(self.placed)} orders, the lists hold {len(self.listed)}"
            )
        if self.announced != set(self.listed):
            yield (
                f"the event streams announced {len(self.announced)} orders,"
                f" the lists hold {len(self.listed)}"
            )
        if self.repeats:
            yield f"{self.repeats} events came twice"
        for visit in self.visits:
            if not visit.is_as_meant:
                yield f"{visit.part.guest} did not get what they asked for: {visit.last_answer}"
            if visit.decision_id and (wrong := self.wrong_reward(visit)):
                yield f"{visit.part.guest} rated {visit.stars}, but {wrong}"

    def wrong_reward(self, visit: Visit) -> str:
        """What is wrong with what a rated decision was rewarded; empty for nothing."""
        decision = self.decisions.get(visit.decision_id)
        if decision is None:
            return f"{visit.decision_id} is not known"
        return wrong_reward(decision, visit.rewards)


def read_evening(path: Path = EVENING) -> list[Part]:
    """The parts of the evening, the tenants' guests mixed."""
    parts = [
        Part(tenant, one["guest"], tuple(one["says"]), one["orders"])
        for tenant, guests in yaml.safe_load(path.read_text(encoding="utf-8")).items()
        for one in guests
    ]
    half = (len(parts) + 1) // 2
    pairs = zip_longest(parts[:half], parts[half:])
    return [part for pair in pairs for part in pair if part is not None]


class Evening:
    """One evening at the demo tenants of a running mesh.

    Args:
        url: of the gateway.
        tenants: with their staff keys.
        parts: the guests.
        progress: called with the part whenever a guest said something or left.
    """

    def __init__(
        self,
        url: str,
        tenants: Sequence[DemoTenant],
        parts: Sequence[Part],
        progress: Callable[[Part, str], None] = lambda *_: None,
    ) -> None:
        self._url = url
        self._tenants = tenants
        self._parts = parts
        self._progress = progress
        self._books = Books()
        self._cursors: set[str] = set()
        self._listening = {tenant.slug: asyncio.Event() for tenant in tenants}
        self._heard = asyncio.Event()

    async def play(self) -> Books:
        """Plays it to the end and draws up the accounts."""
        async with httpx.AsyncClient(base_url=self._url, timeout=60) as http:
            staff = {one.slug: GatewayClient(http, one.staff_key) for one in self._tenants}
            before = {order["order_id"] for one in staff.values() for order in await one.orders()}
            with in_background(self._watch(slug, one, before) for slug, one in staff.items()):
                await asyncio.gather(*(one.wait() for one in self._listening.values()))
                at_once = asyncio.Semaphore(AT_ONCE)
                await asyncio.gather(*(self._visit(http, part, at_once) for part in self._parts))
                await self._settle()
                await self._settle_ratings(staff)
            for one in staff.values():
                for order in await one.orders():
                    if order["order_id"] not in before:
                        self._books.listed[order["order_id"]] = order
        return self._books

    async def _visit(self, http: httpx.AsyncClient, part: Part, at_once: asyncio.Semaphore) -> None:
        visit = Visit(part)
        self._books.visits.append(visit)
        async with at_once:
            guest = await GatewayClient.guest(http, part.tenant)
            session = await guest.call("POST", "/api/v1/sessions", {})
            for text in part.says:
                try:
                    answer = await guest.say(session["session_id"], text)
                except Refused as refusal:
                    visit.last_answer = str(refusal)
                    break
                visit.last_answer = answer["text"]
                visit.order = answer.get("order") or visit.order
                self._progress(part, "said")
            if visit.order:
                await self._rate(guest, session["session_id"], visit)
        self._progress(part, "left")

    async def _rate(self, guest: GatewayClient, session_id: str, visit: Visit) -> None:
        stars = 5 if visit.is_as_meant else 1
        rating = {"session_id": session_id, "rating": stars}
        given = await guest.call("POST", "/api/v1/feedback/submit", rating)
        visit.stars, visit.decision_id = stars, given["decision_id"]

    async def _watch(self, slug: str, staff: GatewayClient, before: set[str]) -> None:
        """Staff: hear of every order and move it on."""
        async with asyncio.TaskGroup() as moves:
            async for event in staff.events():
                self._listening[slug].set()
                if event.kind != "order":
                    continue
                if event.cursor in self._cursors:
                    self._books.repeats += 1
                    continue
                self._cursors.add(event.cursor)
                order = event.data["data"]
                if order["order_id"] in before:
                    continue
                self._books.seen[order["order_id"]].append(order["status"])
                self._heard.set()
                if onward := ONWARD.get(order["status"]):
                    moves.create_task(_move(staff, event, onward))

    async def _settle(self) -> None:
        """Waits until the streams have told all that is to come, for a while at most."""
        placed = self._books.placed
        try:
            async with asyncio.timeout(SETTLE_S):
                while not all("completed" in self._books.seen[one] for one in placed):
                    self._heard.clear()
                    await self._heard.wait()
        except TimeoutError:
            pass

    async def _settle_ratings(self, staff: Mapping[str, GatewayClient]) -> None:
        """Waits until every rating has become a reward that was learned, for a while at most."""
        decisions = self._books.decisions
        try:
            async with asyncio.timeout(SETTLE_S):
                for visit in self._books.visits:
                    path = f"/api/v1/decisions/{visit.decision_id}"
                    while visit.decision_id and self._books.wrong_reward(visit):
                        found = await staff[visit.part.tenant].call("GET", path)
                        decisions[visit.decision_id] = found
                        if self._books.wrong_reward(visit):
                            await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            pass


async def _move(staff: GatewayClient, event: Event, status: str) -> None:
    """Moves an order on; the key is the event's, so that a retry moves it once."""
    order = event.data["data"]
    await staff.call(
        "POST",
        f"/api/v1/orders/{order['order_id']}:transition",
        {"status": f"ORDER_STATUS_{status.upper()}", "version": str(order["version"])},
        key=f"move-{event.data['id']}",
    )


@contextmanager
def in_background(work: Iterable[Coroutine[Any, Any, None]]) -> Iterator[None]:
    """Has work done beside what is inside, and given up at its end."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
