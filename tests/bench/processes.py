"""Servers to be measured, each in a process of its own: both ends of how they are run."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.types import ASGIApp

from services.chassis.run.http import HttpServer
from services.chassis.run.lifecycle import Bound, Target, run_components

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def served(module: str, *arguments: str) -> AsyncIterator[int]:
    """The port of `tests.bench.<module>`, run until the block ends.

    The module prints its port when it serves and stops when its standard input ends, so it
    outlives nobody.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"tests.bench.{module}", *arguments),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline())
    finally:
        process.stdin.close()
        await process.wait()


async def end_of_input() -> None:
    """Returns when whoever started this process wants it to stop, or is gone."""
    await asyncio.to_thread(sys.stdin.read)


async def serve(target: Target, port: Callable[[Bound], int]) -> None:
    """Runs a target as in production, prints its port, and drains it at the end of input."""
    stop = asyncio.Event()

    async def stop_at_end() -> None:
        await end_of_input()
        stop.set()

    ending = asyncio.create_task(stop_at_end())
    await run_components([target], stop, lambda bound: print(port(bound), flush=True))
    await ending


async def serve_app(app: ASGIApp) -> None:
    """Serves a bare application with uvicorn as the gateway is served, prints its port."""
    server = HttpServer(app, "127.0.0.1:0", grace_s=1)
    server.bind()
    serving = asyncio.create_task(server.serve())
    print(server.port, flush=True)
    await end_of_input()
    server.drain()
    await serving
