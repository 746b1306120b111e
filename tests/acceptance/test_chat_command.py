"""`maitred chat`: a guest at a terminal, whose answers survive a line that drops."""

import asyncio
import contextlib
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
import pytest

from services.assembly.client import GatewayClient
from services.assembly.conversation import Conversation
from services.assembly.demo.access import DemoTenant
from services.assembly.network import LOOPBACK
from tests.support.mesh import RunningMesh, own_environment, wait_until


def chat(mesh: RunningMesh, said: str, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "services.assembly.cli", "chat", *options],
        env=own_environment(mesh.home),
        input=said,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_guest_orders_by_lines_piped_in(mesh: RunningMesh) -> None:
    done = chat(mesh, "two lattes please\n/cart\nyes, please\n/cart\n")

    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    [placed] = [line for line in lines if line.startswith("order #")]
    assert re.fullmatch(r"order #[0-9A-F]{6} placed: 7\.60 EUR", placed)
    # As it changed, and as it was asked for.
    assert lines.count("cart: 2× Latte 7.60 EUR") == 2
    assert lines[-1] == "cart: empty"
    assert "\x1b" not in done.stdout


def test_a_guest_rates_who_serves(mesh: RunningMesh) -> None:
    done = chat(mesh, "hello\n/rate 4 quick and kind\n/rate 6\n/dance\n/quit\nnobody reads this\n")

    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert "rated: 4 of 5" in lines
    assert sum("/rate 1-5" in line for line in lines) == 1 + 2
    assert "> nobody reads this" not in lines


def test_an_answer_from_a_document_says_where_it_stands(mesh: RunningMesh) -> None:
    def is_cited() -> bool:
        lines = chat(mesh, "when do you open on sunday?\n").stdout.splitlines()
        return any(re.fullmatch(r"\[1\] .+: “.*9:00.*”", line) for line in lines)

    # The documents may still be on their way into the index.
    wait_until(is_cited, 60)


def test_another_tenant_is_a_word_away(mesh: RunningMesh, pizzeria: DemoTenant) -> None:
    done = chat(mesh, "", "--url", mesh.gateway_url, "--tenant", pizzeria.slug)
    assert done.returncode == 0
    assert pizzeria.slug in done.stdout


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--tenant", "nowhere"), "TENANT_NOT_FOUND"),
        (("--url", f"http://{LOOPBACK}:1"), "nothing answers"),
        (("--url", "nonsense"), "nothing answers"),
    ],
)
def test_whoever_cannot_come_in_is_told_why(
    mesh: RunningMesh, options: tuple[str, ...], problem: str
) -> None:
    done = chat(mesh, "hello\n", *options)
    assert done.returncode == 1
    assert re.fullmatch(rf"maitred: .*{problem}.*\n", done.stderr)


@pytest.mark.parametrize("word", [b"POST ", b"event: token", b"event: cart", b"event: done"])
async def test_an_answer_whose_line_drops_is_told_whole_and_once(
    mesh: RunningMesh, coffee_bar: DemoTenant, word: bytes
) -> None:
    async with (
        dropping(mesh.gateway_url, word) as url,
        httpx.AsyncClient(base_url=url, timeout=30) as http,
    ):
        guest = await GatewayClient.guest(http, coffee_bar.slug)
        conversation = await Conversation.begin(guest)
        told = [event async for event in conversation.ask("a latte and a croissant please")]
        stored = await guest.call("GET", f"/api/v1/sessions/{conversation.session_id}/messages")

    [turn] = stored["turns"]
    assert "".join(event.data["text"] for event in told if event.kind == "token") == turn["text"]
    assert [event.data for event in told if event.kind == "cart"][-1] == turn["cart"]
    assert len(turn["cart"]["lines"]) == 2


@contextlib.asynccontextmanager
async def dropping(upstream: str, word: bytes) -> AsyncIterator[str]:
    """The same gateway over a line that drops, once, where a chat's `word` would pass."""
    parts = urlsplit(upstream)
    armed = [word]

    async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            # A chat alone asks for a stream; what it says comes after its headers.
            chatting = b"/messages" in data or not data.startswith(b"POST ")
            if armed and chatting and armed[0] in data:
                armed.clear()
                return
            target.write(data)
            await target.drain()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(parts.hostname, parts.port)
        ways = {
            asyncio.create_task(carry(reader, far_writer)),
            asyncio.create_task(carry(far_reader, writer)),
        }
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for end in (writer, far_writer):
            end.close()
            with contextlib.suppress(ConnectionError):
                await end.wait_closed()

    connections: set[asyncio.Task[None]] = set()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(asyncio.create_task(connected(reader, writer)))

    server = await asyncio.start_server(accepted, LOOPBACK, 0)
    try:
        yield f"http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
        assert not armed, "the line never dropped"
    finally:
        server.close()
        await asyncio.gather(*connections)
