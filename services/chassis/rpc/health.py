"""Health as grpc.health.v1 tells it.

Service `""` is liveness: the loop runs and answers. A service's full name is readiness: it has
booted, and the one thing it cannot do without has answered within the last 30 s. An unknown name
is NOT_FOUND. From the moment a server drains everything is NOT_SERVING.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import structlog
from grpc_health.v1 import health, health_pb2

CHECK_EVERY_S = 5.0
CHECK_TIMEOUT_S = 3.0
# Until the first success a process waits for what is starting beside it.
BOOT_CHECK_EVERY_S = 0.2
FORGIVEN_S = 30.0

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING

_log = structlog.get_logger(__name__)


class Readiness:
    """Keeps the health of services true by asking `ready` again and again.

    Args:
        names: full names of the services that stand and fall together.
        ready: returns when the hard dependency answers, raises when it does not.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        names: Sequence[str],
        ready: Callable[[], Awaitable[None]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.servicer = health.aio.HealthServicer()
        self._names = names
        self._ready = ready
        self._clock = clock
        self._answered: float | None = None
        self._draining = False

    @property
    def is_ready(self) -> bool:
        """Whether the services take calls."""
        if self._draining or self._answered is None:
            return False
        return self._clock() - self._answered <= FORGIVEN_S

    async def check(self) -> None:
        """Asks once and tells the outcome."""
        was_ready = self.is_ready
        problem = ""
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                await self._ready()
            self._answered = self._clock()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is not ready
            problem = repr(error)
        status = _SERVING if self.is_ready else _NOT_SERVING
        for name in self._names:
            await self.servicer.set(name, status)
        if was_ready != self.is_ready:
            _log.info("readiness_changed", ready=self.is_ready, problem=problem)

    async def run(self) -> None:
        """Asks for ever."""
        while True:
            await self.check()
            booting = self._answered is None
            await asyncio.sleep(BOOT_CHECK_EVERY_S if booting else CHECK_EVERY_S)

    async def drain(self) -> None:
        """Says NOT_SERVING for good."""
        self._draining = True
        await self.servicer.enter_graceful_shutdown()
