"""Processes for what takes long on the CPU.

Each has one computation at a time and an executor of its own: one that dies takes nothing with it
but the computation it was in, and is replaced when it is next needed. They are spawned, never
forked, and end with us.
"""

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import partial
from typing import TypeVar

from services.chassis.data.jobs import ComputeCrashed

_Result = TypeVar("_Result")


class Computing:
    """A number of processes; who asks for more computations at a time waits."""

    def __init__(self, processes: int) -> None:
        self._idle: asyncio.LifoQueue[_Process] = asyncio.LifoQueue()
        for _ in range(processes):
            self._idle.put_nowait(_Process())

    async def compute(self, function: Callable[..., _Result], *args: object) -> _Result:
        """See `services.chassis.data.jobs.Compute`; cancelled, it ends the process."""
        process = await self._idle.get()
        try:
            return await process.run(function, *args)
        finally:
            self._idle.put_nowait(process)

    def close(self) -> None:
        """Ends the processes that are idle; the others end with what they compute."""
        while not self._idle.empty():
            self._idle.get_nowait().end()


class _Process:
    """One process, begun when it is needed."""

    def __init__(self) -> None:
        self._executor: ProcessPoolExecutor | None = None
        self._pid = 0

    async def run(self, function: Callable[..., _Result], *args: object) -> _Result:
        loop = asyncio.get_running_loop()
        try:
            executor = await self._begun()
            return await loop.run_in_executor(executor, partial(function, *args))
        except BrokenProcessPool:
            self.end()
            raise ComputeCrashed("the process that computed it died") from None
        except asyncio.CancelledError:
            self.end()
            raise

    def end(self) -> None:
        """Kills the process; the next computation begins another."""
        executor, self._executor = self._executor, None
        if executor is not None:
            if self._pid:
                with suppress(ProcessLookupError):
                    os.kill(self._pid, signal.SIGKILL)
            executor.shutdown(wait=False, cancel_futures=True)
        self._pid = 0

    async def _begun(self) -> ProcessPoolExecutor:
        if self._executor is None:
            self._executor = ProcessPoolExecutor(
                1, multiprocessing.get_context("spawn"), initializer=_end_with_parent
            )
            loop = asyncio.get_running_loop()
            self._pid = await loop.run_in_executor(self._executor, os.getpid)
        return self._executor


def _end_with_parent() -> None:
    """Ends this process when the one that spawned it is gone, however that ended."""
    # Ours is the only word on when to stop: a terminal's signals are meant for the parent.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
