"""An echo target as a process: `python -m tests.integration.chassis.echo_process PUBLIC_PEM`.

Prints its gRPC port once it serves. `crash` as a second argument adds a loop that ends at once.
"""

import asyncio
import sys

from services.chassis.run.config import ProcessConfig
from services.chassis.run.lifecycle import Bound, Component, Loop, Resources, Target, run_process
from tests.support.echo import EchoServicer


async def slow_echo(text: str) -> str:
    await asyncio.sleep(0.01)
    return text


async def crash() -> None:
    raise ValueError("out of gas")


async def build(_config: ProcessConfig, _resources: Resources) -> Component:
    loops = (Loop("burner", crash),) if "crash" in sys.argv else ()
    return Component("echo", servicers=(EchoServicer(slow_echo).binding(),), loops=loops)


def say(bound: Bound) -> None:
    print(bound.grpc["echo"], flush=True)


if __name__ == "__main__":
    config = ProcessConfig(mesh_public_keys=sys.argv[1], drain_delay_s=0.3, drain_grace_s=5.0)
    run_process([Target("echo", config, build)], say)
