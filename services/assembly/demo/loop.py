"""Plays the demo's loop: guests rate, halfway one agent turns bad, and who serves shifts.

All through the public gateway: guests talk and rate, the manager says what the agent suggests and
runs the learning cycles, staff listen to events.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from services.assembly.client import GatewayClient, Refused
from services.assembly.demo.access import DemoTenant
from services.assembly.demo.books import Account, LoopVisit, Standing, unsettled
from services.assembly.demo.guests import SWEET, UNWANTED, Guest, given
from services.assembly.demo.play import in_background
from services.assembly.demo.talk import Talk

SPOILT = "seller"
"""The agent that turns bad."""
# Few: who comes while others still talk is served by what is not yet learned of them.
AT_ONCE = 4
SETTLE_S = 60.0
_LOOK_EVERY_S = 0.5
_PAGE = 200


@dataclass(slots=True)
class Loop:
    """The loop at one tenant, which is best a new one: a bandit that knows has nothing to learn.

    Attributes:
        url: of the gateway.
        tenant: with the keys of its manager and its staff.
        guests: in the order they come.
        progress: called with a guest who has left.
        stage: called with what begins, in words.
    """

    url: str
    tenant: DemoTenant
    guests: Sequence[Guest]
    progress: Callable[[Guest], None] = lambda _: None
    stage: Callable[[str], None] = lambda _: None
    _account: Account = field(default_factory=Account)
    _menu: Mapping[str, str] = field(default_factory=dict)
    _listening: asyncio.Event = field(default_factory=asyncio.Event)

    async def play(self) -> Account:
        """Plays it to the end and draws up the accounts."""
        half = len(self.guests) // 2
        async with httpx.AsyncClient(base_url=self.url, timeout=60) as http:
            manager = GatewayClient(http, self.tenant.manager_key)
            staff = GatewayClient(http, self.tenant.staff_key)
            catalog = await manager.call("GET", "/api/v1/catalog")
            self._menu = {one["product_id"]: one["name"] for one in catalog["products"]}
            with in_background([self._watch(staff)]):
                await self._listening.wait()
                self.stage("the first half")
                await _suggest(manager, sorted(SWEET))
                await self._serve(http, self.guests[:half])
                self._account.half = await self._standing(manager)
                self.stage(f"the second half, {SPOILT} spoilt")
                await _suggest(manager, UNWANTED)
                await self._serve(http, self.guests[half:])
                self._account.end = await self._standing(manager)
            await self._look_up(manager)
        return self._account

    async def _serve(self, http: httpx.AsyncClient, guests: Sequence[Guest]) -> None:
        at_once = asyncio.Semaphore(AT_ONCE)

        async def one(guest: Guest) -> None:
            async with at_once:
                await self._visit(http, guest)
            self.progress(guest)

        await asyncio.gather(*(one(guest) for guest in guests))

    async def _visit(self, http: httpx.AsyncClient, guest: Guest) -> None:
        talk = Talk(guest, self._menu)
        visit = LoopVisit(talk)
        self._account.visits.append(visit)
        client = await GatewayClient.guest(http, self.tenant.slug)
        session = await client.call("POST", "/api/v1/sessions", {})
        visit.session_id = session["session_id"]
        try:
            while text := talk.next():
                answer = await client.say(visit.session_id, text)
                visit.decision_ids.add(answer.get("decision_id", ""))
                talk.hear(answer)
            for stars in given(guest, talk.told):
                rating = {"session_id": visit.session_id, "rating": stars}
                visit.ratings.append(await client.call("POST", "/api/v1/feedback/submit", rating))
        except Refused as refusal:
            visit.refusal = str(refusal)

    async def _watch(self, staff: GatewayClient) -> None:
        """Staff: hear of every rating and every order."""
        cursors: set[str] = set()
        async for event in staff.events():
            self._listening.set()
            if event.kind == "position" or event.cursor in cursors:
                self._account.repeats += event.kind != "position"
                continue
            cursors.add(event.cursor)
            if event.kind == "feedback":
                self._account.feedback.append(event.data["data"])
            elif event.kind == "order":
                self._account.orders.append(event.data["data"])

    async def _standing(self, manager: GatewayClient) -> Standing:
        """Waits until everything said was learned, runs a cycle and reads what it made of it."""
        self.stage("a learning cycle")
        await self._settle(manager)
        cycle = await manager.call("POST", "/api/v1/learning/cycles", {})
        agents = (await manager.call("GET", "/api/v1/agents"))["agents"]
        query = httpx.QueryParams([("agent_ids", one["agent_id"]) for one in agents])
        trusts = (await manager.call("GET", f"/api/v1/trust?{query}"))["trusts"]
        return Standing(
            trusts={one["agent_id"]: one for one in trusts},
            policy=await manager.call("GET", "/api/v1/policies/serving"),
            insights=cycle["insights"],
        )

    async def _settle(self, manager: GatewayClient) -> None:
        """Returns when bandit, learning and the stream have told all; after a while anyhow."""
        try:
            async with asyncio.timeout(SETTLE_S):
                while True:
                    await self._read(manager)
                    if not unsettled(self._account):
                        return
                    await asyncio.sleep(_LOOK_EVERY_S)
        except TimeoutError:
            pass

    async def _read(self, manager: GatewayClient) -> None:
        decisions = await _all(manager, "decisions", "policy_id=serving")
        self._account.decisions = {one["decision_id"]: one for one in decisions}
        self._account.recommendations = await _all(manager, "recommendations")

    async def _look_up(self, manager: GatewayClient) -> None:
        """Reads every decision by itself, as `GET /decisions/{id}` tells it."""
        at_once = asyncio.Semaphore(AT_ONCE)

        async def one(decision_id: str) -> None:
            async with at_once:
                found = await manager.call("GET", f"/api/v1/decisions/{decision_id}")
            self._account.looked_up[decision_id] = found

        await asyncio.gather(*(one(decision_id) for decision_id in self._account.decisions))


async def _suggest(manager: GatewayClient, products: Sequence[str]) -> None:
    await manager.call("PUT", f"/api/v1/agents/{SPOILT}", {"suggested_product_ids": list(products)})


async def _all(manager: GatewayClient, what: str, query: str = "") -> list[dict[str, Any]]:
    """All pages of a list."""
    found: list[dict[str, Any]] = []
    token = ""
    while True:
        page = await manager.call(
            "GET", f"/api/v1/{what}?{query}&page_size={_PAGE}&page_token={token}"
        )
        found.extend(page.get(what, ()))
        token = page.get("next_page_token", "")
        if not token:
            return found
