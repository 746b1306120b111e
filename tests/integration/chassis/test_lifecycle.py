"""A process from start to stop, in this process."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from services.chassis.rpc.call import use
from services.chassis.rpc.peers import Peers
from services.chassis.run.config import ProcessConfig
from services.chassis.run.lifecycle import (
    Bound,
    Component,
    Loop,
    Resources,
    Target,
    run_components,
)
from tests.integration.chassis.serving import ANY_PORT, KEY, call, failure, metadata, until
from tests.support.echo import EchoRequest, EchoServicer, EchoStub

HELLO = EchoRequest(text="hello")
CONFIG = ProcessConfig(mesh_public_keys=KEY.public_pem, drain_delay_s=0.0, drain_grace_s=5.0)


@dataclass(frozen=True, slots=True)
class Running:
    """A process that runs."""

    ports: Bound
    stop: asyncio.Event
    ended: "asyncio.Task[None]"


def target(component: Component, config: ProcessConfig = CONFIG) -> Target:
    async def build(_config: ProcessConfig, _resources: Resources) -> Component:
        return component

    return Target(component.name, config, build)


@asynccontextmanager
async def running(*targets: Target) -> AsyncIterator[Running]:
    stop = asyncio.Event()
    started: asyncio.Future[Bound] = asyncio.get_running_loop().create_future()
    process = asyncio.create_task(run_components(targets, stop, started.set_result))
    process.add_done_callback(lambda _: started.done() or started.cancel())
    try:
        await started
    except asyncio.CancelledError:
        await process  # says why it did not start
    try:
        yield Running(started.result(), stop, process)
    finally:
        stop.set()
        await asyncio.wait([process])


def echoing(**parts: Any) -> Component:
    return Component("echo", servicers=(EchoServicer().binding(),), **parts)


def channel_to(process: Running) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(f"127.0.0.1:{process.ports.grpc['echo']}")


async def test_a_target_serves_from_started_to_stop() -> None:
    async with running(target(echoing())) as process, channel_to(process) as channel:
        answer = await EchoStub(channel).echo(HELLO, metadata=metadata())
        process.stop.set()
        await process.ended
        refused = await failure(EchoStub(channel).echo(HELLO, metadata=metadata()))
    assert answer.text == "hello"
    assert refused.code is grpc.StatusCode.UNAVAILABLE


async def test_several_targets_share_a_process_and_its_admin_port() -> None:
    other = Component("other", servicers=(EchoServicer().binding(),))
    async with running(target(echoing()), target(other)) as process, httpx.AsyncClient() as client:
        for port in process.ports.grpc.values():
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                await EchoStub(channel).echo(HELLO, metadata=metadata())
        admin = f"http://127.0.0.1:{process.ports.admin}"
        health = await client.get(f"{admin}/healthz")
        metrics = await client.get(f"{admin}/metrics")
        nothing = await client.get(f"{admin}/")
    assert (health.status_code, health.json()) == (200, {"parts": {"echo": True, "other": True}})
    assert 'grpc_method="Echo"' in metrics.text
    assert "process_resident_memory_bytes" in metrics.text
    assert metrics.headers["content-type"].startswith("text/plain")
    assert nothing.status_code == 404


async def test_healthz_says_when_a_part_is_not_ready() -> None:
    async def not_ready() -> None:
        raise ConnectionError("no database")

    async with running(target(echoing(ready=not_ready))) as process, httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{process.ports.admin}/healthz")
    assert (answer.status_code, answer.json()) == (503, {"parts": {"echo": False}})


async def test_a_target_without_servers_is_ready_when_its_dependency_answers() -> None:
    up = asyncio.Event()

    async def ready() -> None:
        if not up.is_set():
            raise ConnectionError("no database")

    component = Component("mover", ready=ready)
    async with running(target(component)) as process, httpx.AsyncClient() as client:
        url = f"http://127.0.0.1:{process.ports.admin}/healthz"
        assert (await client.get(url)).status_code == 503
        up.set()
        async with asyncio.timeout(60):
            while (await client.get(url)).status_code != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_the_admin_port_ends_what_is_not_http() -> None:
    async with running(target(echoing())) as process:
        reader, writer = await asyncio.open_connection("127.0.0.1", process.ports.admin)
        writer.write(b"x" * 100_000)
        assert await reader.read() == b""
        writer.close()


@pytest.mark.parametrize("ends", ["raises", "returns"])
async def test_a_loop_that_ends_ends_the_process_and_unwinds_it(ends: str) -> None:
    closed = asyncio.Event()

    async def run() -> None:
        if ends == "raises":
            raise ValueError("out of gas")

    async def build(_config: ProcessConfig, resources: Resources) -> Component:
        resources.stack.callback(closed.set)
        return echoing(loops=(Loop("burner", run),))

    with pytest.raises(ExceptionGroup) as raised:
        await run_components([Target("echo", CONFIG, build)], asyncio.Event())
    assert raised.group_contains(ValueError if ends == "raises" else RuntimeError)
    assert closed.is_set()


async def test_what_is_half_built_unwinds() -> None:
    closed: list[str] = []

    async def build(_config: ProcessConfig, resources: Resources) -> Component:
        resources.stack.callback(closed.append, "first")
        resources.stack.callback(closed.append, "second")
        raise LookupError("no schema")

    with pytest.raises(LookupError):
        await run_components([Target("echo", CONFIG, build)], asyncio.Event())
    assert closed == ["second", "first"]


async def test_loops_are_cancelled_after_calls_are_finished() -> None:
    order: list[str] = []
    begun, draining = asyncio.Event(), asyncio.Event()

    async def run() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            order.append("loop cancelled")

    async def echo(text: str) -> str:
        begun.set()
        await draining.wait()
        order.append("call finished")
        return text

    async def end_streams() -> None:
        order.append("streams ended")
        draining.set()

    component = Component(
        "echo",
        servicers=(EchoServicer(echo).binding(),),
        loops=(Loop("burner", run),),
        drain=(end_streams,),
    )
    async with running(target(component)) as process, channel_to(process) as channel:
        call = asyncio.ensure_future(EchoStub(channel).echo(HELLO, metadata=metadata()))
        await begun.wait()
        process.stop.set()
        assert (await call).text == "hello"
        await process.ended
    assert order == ["streams ended", "call finished", "loop cancelled"]


async def test_a_replica_drains_under_load_without_a_failed_call() -> None:
    answered: Counter[str] = Counter()
    failures: list[BaseException] = []
    done = asyncio.Event()

    def replica(name: str) -> Target:
        async def echo(text: str) -> str:
            await asyncio.sleep(0.02)
            answered[name] += 1
            return text

        component = Component("echo", servicers=(EchoServicer(echo).binding(),))
        return target(component, CONFIG.model_copy(update={"drain_delay_s": 0.2}))

    async def keep_calling(stub: EchoStub) -> None:
        while not done.is_set():
            try:
                with use(call()):
                    await stub.echo(HELLO)
            except grpc.aio.AioRpcError as error:
                failures.append(error)

    async with running(replica("leaving")) as leaving, running(replica("staying")) as staying:
        ports = [process.ports.grpc["echo"] for process in (leaving, staying)]
        peers = Peers({"echo": "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports)})
        stub = EchoStub(peers.channel("echo"))
        async with asyncio.TaskGroup() as group:
            for _ in range(16):
                group.create_task(keep_calling(stub))
            await until(lambda: min(answered["leaving"], answered["staying"]) >= 20)
            leaving.stop.set()
            await leaving.ended
            left, stayed = answered["leaving"], answered["staying"]
            await until(lambda: answered["staying"] >= stayed + 100)
            done.set()
        await peers.close()
    assert failures == []
    assert answered["leaving"] == left


async def test_http_is_served_beside_and_drains_too() -> None:
    begun, draining = asyncio.Event(), asyncio.Event()

    async def slow(_request: Request) -> PlainTextResponse:
        begun.set()
        await draining.wait()
        return PlainTextResponse("done")

    async def end_streams() -> None:
        draining.set()

    app = Starlette(routes=[Route("/slow", slow)])
    component = echoing(http=app, http_listen=ANY_PORT, drain=(end_streams,))
    async with running(target(component)) as process, httpx.AsyncClient() as client:
        url = f"http://127.0.0.1:{process.ports.http['echo']}/slow"
        answer = asyncio.create_task(client.get(url))
        await begun.wait()
        process.stop.set()
        # The connection is given up, so that the client's next request goes to another replica.
        assert ((await answer).text, (await answer).headers["connection"]) == ("done", "close")
        await process.ended
        with pytest.raises(httpx.ConnectError):
            await client.get(url)


async def test_a_taken_address_ends_the_start_and_unwinds() -> None:
    async with running(target(echoing())) as process:
        taken = CONFIG.model_copy(update={"listen": f"127.0.0.1:{process.ports.grpc['echo']}"})
        with pytest.raises(ExceptionGroup) as raised:
            await run_components([target(echoing(), taken)], asyncio.Event())
    assert raised.group_contains(OSError)
