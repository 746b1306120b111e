"""A process under signals, seen by its callers and its parent."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from services.chassis.rpc.call import use
from services.chassis.rpc.peers import Peers
from tests.integration.chassis.serving import KEY, call, until
from tests.support.echo import EchoRequest, EchoStub

ROOT = Path(__file__).parents[3]
HELLO = EchoRequest(text="hello")


@dataclass(slots=True)
class Echo:
    """A running echo process."""

    process: asyncio.subprocess.Process
    port: int

    async def ended(self) -> tuple[int | None, list[dict[str, Any]]]:
        """Its exit status and what it logged."""
        async with asyncio.timeout(60):
            _, logged = await self.process.communicate()
        return self.process.returncode, [json.loads(line) for line in logged.splitlines()]


@asynccontextmanager
async def echo_process(*arguments: str) -> AsyncIterator[Echo]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.chassis.echo_process", KEY.public_pem),
        *arguments,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        yield Echo(process, int(await process.stdout.readline() or 0))
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@dataclass(slots=True)
class Load:
    """Callers that never rest, and how they fared."""

    answered: int = 0
    failures: list[grpc.aio.AioRpcError] = field(default_factory=list)
    stopping: bool = False

    async def call_on(self, stub: EchoStub) -> None:
        while not self.stopping:
            try:
                with use(call()):
                    await stub.echo(HELLO)
                self.answered += 1
            except grpc.aio.AioRpcError as error:
                self.failures.append(error)

    async def more(self, calls: int) -> None:
        """Returns after so many more answers."""
        wanted = self.answered + calls
        await until(lambda: self.answered >= wanted)


@asynccontextmanager
async def load_on(*ports: int) -> AsyncIterator[Load]:
    peers = Peers({"echo": "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports)})
    load = Load()
    stub = EchoStub(peers.channel("echo"))
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(16):
                group.create_task(load.call_on(stub))
            yield load
            load.stopping = True
    finally:
        await peers.close()


async def test_a_replica_told_to_stop_under_load_fails_no_call_and_exits_clean() -> None:
    async with (
        echo_process() as leaving,
        echo_process() as staying,
        load_on(leaving.port, staying.port) as load,
    ):
        await load.more(200)
        leaving.process.terminate()
        status, logged = await leaving.ended()
        await load.more(200)
    assert load.failures == []
    assert status == 0
    events = [line["event"] for line in logged]
    assert events[-2:] == ["draining", "stopped"]
    assert {line["level"] for line in logged} == {"info"}


async def test_a_replica_killed_under_load_costs_its_callers_only_time() -> None:
    async with (
        echo_process() as dying,
        echo_process() as staying,
        load_on(dying.port, staying.port) as load,
    ):
        await load.more(200)
        dying.process.kill()
        await load.more(400)
    assert load.failures == []


async def test_a_process_whose_loop_crashes_says_so_and_exits_with_an_error() -> None:
    async with echo_process("crash") as crashed:
        status, logged = await crashed.ended()
    assert status == 1
    crash = next(line for line in logged if line["event"] == "loop_crashed")
    assert crash["loop"] == "burner"
    assert "out of gas" in crash["exception"]
    assert logged[-1]["event"] == "process_failed"
