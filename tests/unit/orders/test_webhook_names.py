"""Name servers that keep us waiting."""

import asyncio
import socket
import threading

import pytest

from services.orders.webhooks.names import SystemNames

# More than asyncio shares among all of a process, and than look names up at a time.
CROWD = 100


@pytest.fixture
def gate() -> threading.Event:
    return threading.Event()


async def test_slow_names_hold_nothing_else_up_and_are_given_up(gate: threading.Event) -> None:
    asked = []

    def slow(host: str, _port: int) -> list[str]:
        asked.append(host)
        gate.wait()
        return ["192.0.2.1"]

    names = SystemNames(limit_s=0.5, look_up=slow)
    crowd = [asyncio.ensure_future(names(f"{n}.example", 443)) for n in range(CROWD)]
    try:
        await asyncio.sleep(0)
        async with asyncio.timeout(20):
            # What the database's own name would wait for.
            assert await asyncio.to_thread(str, "free") == "free"
            told = await asyncio.gather(*crowd, return_exceptions=True)
    finally:
        gate.set()
    assert {type(one) for one in told} == {socket.gaierror}
    assert len(asked) < CROWD, "who waited for a thread was not looked up for nobody"
    assert await names("late.example", 443) == ["192.0.2.1"]


async def test_an_address_leads_to_itself() -> None:
    assert await SystemNames()("127.0.0.1", 443) == ["127.0.0.1"]
