"""A chat turn against the bare cost of its hops and commits, the model's time taken off.

Hops are the calls that services count while guests talk, and the request to the gateway. Commits
are those a guest waits for, as the rows they leave tell; what relay and consumers commit later is
none of the turn's. What each costs bare is measured in the same run: a unary call to an echo, and
one small durable statement.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

import asyncpg
import grpc
import httpx
from prometheus_client.parser import text_string_to_metric_families

from services.assembly.client import GatewayClient
from tests.bench.processes import served
from tests.bench.table import Row, interleaved
from tests.support.echo import EchoRequest, EchoStub
from tests.support.mesh import RunningMesh

DIALOGUE = (
    "A latte with oat milk and a croissant, please",
    "make it two croissants",
    "yes, please",
)
DIALOGUES = 10
BARE_CALLS = 200
# A turn begins and finishes; a call with an effect does so within it. A quote, an order and a
# decision are one each.
COMMITS = """
SELECT 2 * (SELECT count(*) FROM coordinator.turns)
    + 2 * (SELECT count(*) FROM coordinator.tool_calls)
    + (SELECT count(*) FROM orders.quotes)
    + (SELECT count(*) FROM orders.orders)
    + (SELECT count(*) FROM bandit.decisions)
"""
# Called before a conversation's first turn.
BESIDE = frozenset({"CreateSession"})


async def row(mesh: RunningMesh) -> Row:
    """Seconds a turn beside the sum of its parts."""
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(served("echo_server", "bare", ""))
        connection = await asyncpg.connect(mesh.record.database_url)
        stack.push_async_callback(connection.close)
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=mesh.gateway_url))
        guest = await GatewayClient.guest(http, mesh.demo[0].slug)
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}"))
        turn = _turn(guest)
        await turn()
        before = await _tally(mesh, connection, http)
        for _ in range(DIALOGUES):
            await turn()
        parts = (await _tally(mesh, connection, http)).since(before)
        found = await interleaved(
            {"turn": turn, "hop": _hop(channel), "commit": _commit(connection)}, DIALOGUES
        )
    ours = found["turn"] - parts.model_s
    bare = parts.hops * found["hop"] + parts.commits * found["commit"]
    return Row(
        "chat turn, model excluded",
        f"{ours * 1e3:.1f} ms",
        f"{bare * 1e3:.1f} ms",
        ours / bare,
        2.0,
        at_most=True,
        note=(
            f"{parts.hops:.1f} hops of {found['hop'] * 1e3:.2f} ms and {parts.commits:.1f} commits"
            f" of {found['commit'] * 1e3:.2f} ms; model {parts.model_s * 1e3:.1f} ms"
        ),
        why="statements before each commit, reading the guest's words and streaming count as ours",
    )


@dataclass(frozen=True, slots=True)
class Parts:
    """What one turn consists of, on average."""

    hops: float
    commits: float
    model_s: float


@dataclass(frozen=True, slots=True)
class Tally:
    """Counters of a mesh at a moment."""

    calls: float
    commits: int
    model_s: float

    def since(self, before: "Tally") -> Parts:
        """Per turn of `DIALOGUES` dialogues."""
        turns = DIALOGUES * len(DIALOGUE)
        return Parts(
            hops=(self.calls - before.calls) / turns + 1,
            commits=(self.commits - before.commits) / turns,
            model_s=(self.model_s - before.model_s) / turns,
        )


async def _tally(
    mesh: RunningMesh, connection: "asyncpg.Connection[asyncpg.Record]", http: httpx.AsyncClient
) -> Tally:
    calls = model_s = 0.0
    for name in ("coordinator", "orders", "bandit", "learning", "retrieval"):
        metrics = await http.get(f"http://{mesh.address(name, 'admin')}/metrics")
        for family in text_string_to_metric_families(metrics.text):
            for sample in family.samples:
                if sample.name == "grpc_server_started_total" and _is_of_turns(sample.labels):
                    calls += sample.value
                elif sample.name == "gen_ai_client_operation_duration_seconds_sum":
                    model_s += sample.value
    return Tally(calls, await connection.fetchval(COMMITS), model_s)


def _is_of_turns(labels: Mapping[str, str]) -> bool:
    return labels["grpc_service"].startswith("maitred.") and labels["grpc_method"] not in BESIDE


def _turn(guest: GatewayClient) -> Callable[[], Awaitable[float]]:
    """Seconds a turn, over one dialogue that ends in an order."""

    async def turn() -> float:
        session = await guest.call("POST", "/api/v1/sessions", {})
        began = time.perf_counter()
        answers = [await guest.say(session["session_id"], text) for text in DIALOGUE]
        seconds = time.perf_counter() - began
        if not answers[-1].get("order"):
            raise RuntimeError(f"no order came of {[answer['text'] for answer in answers]}")
        return seconds / len(DIALOGUE)

    return turn


def _hop(channel: grpc.aio.Channel) -> Callable[[], Awaitable[float]]:
    stub = EchoStub(channel)
    request = EchoRequest(text=DIALOGUE[0])

    async def hop() -> float:
        began = time.perf_counter()
        for _ in range(BARE_CALLS):
            await stub.echo(request, timeout=10)
        return (time.perf_counter() - began) / BARE_CALLS

    return hop


def _commit(connection: "asyncpg.Connection[asyncpg.Record]") -> Callable[[], Awaitable[float]]:
    async def commit() -> float:
        began = time.perf_counter()
        for _ in range(BARE_CALLS):
            await connection.execute(
                "SELECT pg_logical_emit_message(true, 'bench', repeat('x', 1000))"
            )
        return (time.perf_counter() - began) / BARE_CALLS

    return commit
