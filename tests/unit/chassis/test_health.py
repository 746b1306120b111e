"""Readiness: booted, and its dependency answered lately."""

from typing import Any

from grpc_health.v1 import health_pb2

from services.chassis.rpc.health import Readiness

KITCHEN = "maitred.kitchen.v1.KitchenService"


class Dependency:
    def __init__(self) -> None:
        self.answers = True

    async def ready(self) -> None:
        if not self.answers:
            raise ConnectionError("gone")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def status(readiness: Readiness, service: str) -> int:
    unused: Any = None
    answer = await readiness.servicer.Check(health_pb2.HealthCheckRequest(service=service), unused)
    assert answer is not None
    return int(answer.status)


async def test_nothing_is_ready_before_its_dependency_has_answered_once() -> None:
    dependency = Dependency()
    dependency.answers = False
    readiness = Readiness([KITCHEN], dependency.ready, Clock())
    await readiness.check()
    assert await status(readiness, KITCHEN) == health_pb2.HealthCheckResponse.NOT_SERVING
    assert await status(readiness, "") == health_pb2.HealthCheckResponse.SERVING
    dependency.answers = True
    await readiness.check()
    assert await status(readiness, KITCHEN) == health_pb2.HealthCheckResponse.SERVING


async def test_a_dependency_is_forgiven_thirty_seconds_of_silence() -> None:
    dependency, clock = Dependency(), Clock()
    readiness = Readiness([KITCHEN], dependency.ready, clock)
    await readiness.check()
    dependency.answers = False
    clock.now += 30
    await readiness.check()
    assert await status(readiness, KITCHEN) == health_pb2.HealthCheckResponse.SERVING
    clock.now += 1
    await readiness.check()
    assert await status(readiness, KITCHEN) == health_pb2.HealthCheckResponse.NOT_SERVING
    assert await status(readiness, "") == health_pb2.HealthCheckResponse.SERVING
    dependency.answers = True
    await readiness.check()
    assert readiness.is_ready


async def test_a_draining_server_says_so_for_good() -> None:
    readiness = Readiness([KITCHEN], Dependency().ready, Clock())
    await readiness.check()
    await readiness.drain()
    await readiness.check()
    assert await status(readiness, KITCHEN) == health_pb2.HealthCheckResponse.NOT_SERVING
    assert await status(readiness, "") == health_pb2.HealthCheckResponse.NOT_SERVING
    assert not readiness.is_ready
