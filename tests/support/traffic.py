"""Traffic through the gateways of a replicated mesh, balanced as a load balancer would."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import httpx

from services.assembly.demo.access import DemoTenant
from tests.support.mesh import RunningMesh
from tests.support.people import answered, client
from tests.support.replicas import TARGETS, Replica, replicated

POLL_S = 0.1
PATIENCE_S = 120.0


@dataclass(slots=True)
class Traffic:
    """Callers that never rest, spread over the gateways that say they are ready."""

    gateways: Sequence[Replica]
    ready: list[Replica] = field(default_factory=list)
    answers: list[httpx.Response] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    stopping: bool = False
    _turns: "itertools.count[int]" = field(default_factory=itertools.count)

    async def balance(self) -> None:
        """Asks gateways again and again whether they are ready."""
        async with httpx.AsyncClient() as http:
            while not self.stopping:
                self.ready = [one for one in self.gateways if await _is_ready(http, one)]
                await asyncio.sleep(POLL_S)

    async def orders(self, guest: httpx.AsyncClient) -> None:
        """Quotes, places and reads orders."""
        cart = {"lines": [{"product_id": "espresso", "quantity": 1}]}
        while not self.stopping:
            quoted = await self._call(guest, "POST", "/api/v1/quotes", {"cart": cart})
            if quoted is not None:
                body = {"quote_id": quoted.json()["quote_id"]}
                await self._call(guest, "POST", "/api/v1/orders", body)
            await self._call(guest, "GET", "/api/v1/orders")

    async def chats(self, guest: httpx.AsyncClient) -> None:
        """Begins conversations and says something in each."""
        while not self.stopping:
            begun = await self._call(guest, "POST", "/api/v1/sessions", {})
            if begun is not None:
                path = f"/api/v1/sessions/{begun.json()['session_id']}/messages"
                for text in ("a latte with oat milk", "make it large"):
                    await self._call(guest, "POST", path, {"text": text})

    async def more(self, count: int) -> None:
        """Returns after so many more answers."""
        wanted = len(self.answers) + count
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if len(self.answers) >= wanted:
                    return
                await asyncio.sleep(0.01)

    async def _call(
        self,
        guest: httpx.AsyncClient,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
    ) -> httpx.Response | None:
        headers = {"idempotency-key": uuid4().hex}
        while True:
            choice = self.ready or self.gateways
            gateway = choice[next(self._turns) % len(choice)]
            try:
                answer = await guest.request(
                    method, f"http://{gateway.http}{path}", json=body, headers=headers
                )
                break
            except httpx.ConnectError:
                # Nothing was sent: any balancer tries another.
                self.ready = [one for one in self.ready if one is not gateway]
            except httpx.TransportError as error:
                self.failures.append(repr(error))
                return None
        self.answers.append(answer)
        if not answer.is_success:
            self.failures.append(f"{answer.status_code} {answer.text}")
            return None
        return answer


async def _is_ready(http: httpx.AsyncClient, gateway: Replica) -> bool:
    try:
        return (await http.get(f"http://{gateway.admin}/healthz")).is_success
    except httpx.TransportError:
        return False


async def stop_one_of_each(mesh: RunningMesh, tenant: DemoTenant, callers: int, calls: int) -> None:
    """Stops one of two replicas of each target in turn under traffic; fails if anybody notices.

    Args:
        mesh: whose servers the replicas use.
        tenant: at which the callers order and talk.
        callers: at once.
        calls: answered before and after each replica stops.
    """
    async with client(mesh, tenant.manager_key) as manager:
        key = {"display_name": "traffic", "roles": ["ROLE_STAFF"], "requests_per_minute": 1_000_000}
        made = answered(await manager.post("/api/v1/api-keys", json=key))
    with replicated(mesh) as replicas:
        async with (
            client(mesh, made.json()["secret"]) as caller,
            _traffic(replicas["gateway"], caller, callers) as traffic,
        ):
            for target in TARGETS:
                await traffic.more(calls)
                leaving = replicas[target][0].process
                leaving.terminate()
                status = await asyncio.to_thread(leaving.wait)
                await traffic.more(calls)

                assert (target, status, traffic.failures) == (target, 0, [])


@asynccontextmanager
async def _traffic(
    gateways: Sequence[Replica], caller: httpx.AsyncClient, callers: int
) -> AsyncIterator[Traffic]:
    traffic = Traffic(gateways, list(gateways))
    async with asyncio.TaskGroup() as group:
        group.create_task(traffic.balance())
        for number in range(callers):
            group.create_task((traffic.orders if number % 2 else traffic.chats)(caller))
        try:
            yield traffic
        finally:
            traffic.stopping = True
