"""Runs programs as child processes: waits until they are ready, restarts what crashes, stops all.

One thread, no event loop: our targets are forked from here (see `children`).
"""

import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import FrameType, TracebackType
from typing import Self

from services.assembly.children import Child
from services.assembly.guard import Guard

POLL_S = 0.01
START_S = 60.0
START_ATTEMPTS = 3
FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 30.0
# Who has run well for so long has nothing left of failures before.
STABLE_S = 5.0
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class State(StrEnum):
    """Where a supervised program stands."""

    STARTING = "starting"
    READY = "ready"
    WAITING = "waiting to restart"
    STOPPED = "stopped"


class StartError(Exception):
    """A program ended, stayed silent for a minute or did not start, three times in a row."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name} {why}")
        self.name = name


class StopRequestedError(Exception):
    """A signal asked to stop while something was being started."""


@dataclass(frozen=True, slots=True)
class Program:
    """How one child is started, known to be ready, and stopped.

    Attributes:
        name: unique; also the name of its log.
        start: starts the process; it is asked every 10 ms then until it is ready.
        stop_signal: what makes it drain and end.
        grace_s: seconds it has for that before SIGKILL.
    """

    name: str
    start: Callable[[], Child]
    stop_signal: signal.Signals = signal.SIGTERM
    grace_s: float = 30.0


@dataclass(slots=True)
class Supervised:
    """The present state of one program; times are of `time.monotonic`, in seconds."""

    program: Program
    child: Child | None = None
    state: State = State.STOPPED
    since: float = 0.0
    failures: int = 0
    restarts: int = 0
    retry_at: float = 0.0
    last_status: int | None = None
    start_error: str = ""

    @property
    def fate(self) -> str:
        """What became of its last process, for people."""
        return self.start_error or describe_status(self.last_status)


Observer = Callable[[Supervised], None]
Handler = Callable[[int, FrameType | None], object] | int | None


def restart_delay(failures: int) -> float:
    """Seconds to wait before the restart that follows the n-th failure in a row (n ≥ 1)."""
    doubled: float = FIRST_DELAY_S * 2.0 ** min(failures - 1, 16)
    return min(doubled, LONGEST_DELAY_S)


class StopSignals:
    """While entered, INT, TERM and HUP ask to stop, and `wait` returns early on any signal."""

    def __init__(self) -> None:
        self.count = 0
        self._reader, self._writer = socket.socketpair()
        self._before: dict[signal.Signals, Handler] = {}

    def __enter__(self) -> Self:
        for end in (self._reader, self._writer):
            end.setblocking(False)
        for number in STOPPING:
            self._before[number] = signal.signal(number, self._note)
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._reader.close()
        self._writer.close()

    def wait(self, seconds: float | None) -> None:
        """Sleep until a signal comes or `seconds` have passed."""
        readable, _, _ = select.select([self._reader], [], [], seconds)
        if readable:
            self._reader.recv(4096)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1


class Supervisor:
    """Children in the order they were started; they are stopped in the reverse order.

    Args:
        signals: entered for as long as the supervisor is used.
        observe: called at every change of a program's state.
        guard: told of every child where the kernel does not end them with us; None on Linux.
    """

    def __init__(self, signals: StopSignals, observe: Observer, guard: Guard | None = None) -> None:
        self._signals = signals
        self._observe = observe
        self._guard = guard
        self._supervised: list[Supervised] = []

    @property
    def supervised(self) -> Sequence[Supervised]:
        return tuple(self._supervised)

    def start(self, programs: Iterable[Program]) -> None:
        """Start programs side by side and wait until each is ready.

        Raises:
            StartError: one failed three times before it was ready.
            StopRequestedError: a signal came meanwhile.
        """
        new = [Supervised(program) for program in programs]
        for one in new:
            self._supervised.append(one)
            self._launch(one)
        while any(one.state is not State.READY for one in new):
            self._stop_if_asked()
            self._step()
            for one in new:
                if one.state is State.WAITING and one.failures >= START_ATTEMPTS:
                    raise StartError(one.program.name, one.fate)
            self._signals.wait(POLL_S)

    def finish(self, name: str, child: Child) -> None:
        """Wait for a one-off child to end well, restarting meanwhile what crashes.

        Raises:
            StartError: its status is not 0.
            StopRequestedError: a signal came meanwhile; the child is killed.
        """
        while (status := child.poll()) is None:
            if self._signals.count:
                os.kill(child.pid, signal.SIGKILL)
                self._wait_for(child, START_S)
                raise StopRequestedError
            self._step()
            self._signals.wait(POLL_S)
        if status:
            raise StartError(name, describe_status(status))

    def watch(self) -> None:
        """Restart what crashes until a signal asks to stop."""
        while not self._signals.count:
            self._step()
            self._signals.wait(self._next_step())

    def stop(self) -> None:
        """Stop all, last started first, each drained before the next is asked.

        A further signal cuts the grace of our own targets short; what must stop cleanly
        (`stop_signal` INT: Postgres) keeps its own.
        """
        asked = self._signals.count
        for one in reversed(self._supervised):
            child = one.child
            if child is not None and child.poll() is None:
                os.kill(child.pid, one.program.stop_signal)
                hasty = one.program.stop_signal is signal.SIGTERM
                if not self._wait_for(child, one.program.grace_s, asked if hasty else None):
                    os.kill(child.pid, signal.SIGKILL)
                    self._wait_for(child, START_S)
            self._ended(one)
            self._change(one, State.STOPPED)

    def _stop_if_asked(self) -> None:
        if self._signals.count:
            raise StopRequestedError

    def _wait_for(self, child: Child, seconds: float, asked: int | None = None) -> bool:
        deadline = time.monotonic() + seconds
        while child.poll() is None:
            if time.monotonic() > deadline or (asked is not None and self._signals.count > asked):
                return False
            self._signals.wait(POLL_S)
        return True

    def _launch(self, one: Supervised) -> None:
        try:
            child = one.child = one.program.start()
        except Exception as error:  # noqa: BLE001 - one that cannot start ends none of the others
            self._failed(one, None, f"could not be started: {error!r}")
            return
        if self._guard is not None:
            self._guard.add(child.pid, one.program.stop_signal)
        self._change(one, State.STARTING)

    def _step(self) -> None:
        now = time.monotonic()
        for one in self._supervised:
            child = one.child
            if one.state is State.WAITING and now >= one.retry_at:
                one.restarts += 1
                self._launch(one)
            elif child is not None and (status := child.poll()) is not None:
                self._crashed(one, status)
            elif child is not None and one.state is State.STARTING:
                self._await_ready(one, child, now)

    def _await_ready(self, one: Supervised, child: Child, now: float) -> None:
        if child.is_ready():
            self._change(one, State.READY)
        elif now - one.since > START_S:
            os.kill(child.pid, signal.SIGKILL)

    def _crashed(self, one: Supervised, status: int) -> None:
        if one.state is State.READY and time.monotonic() - one.since >= STABLE_S:
            one.failures = 0
        self._ended(one)
        self._failed(one, status)

    def _failed(self, one: Supervised, status: int | None, start_error: str = "") -> None:
        one.last_status, one.start_error = status, start_error
        one.failures += 1
        one.retry_at = time.monotonic() + restart_delay(one.failures)
        self._change(one, State.WAITING)

    def _ended(self, one: Supervised) -> None:
        if one.child is not None and self._guard is not None:
            self._guard.remove(one.child.pid)
        one.child = None

    def _change(self, one: Supervised, state: State) -> None:
        one.state = state
        one.since = time.monotonic()
        self._observe(one)

    def _next_step(self) -> float | None:
        states = {one.state for one in self._supervised}
        if State.STARTING in states:
            return POLL_S
        retries = [one.retry_at for one in self._supervised if one.state is State.WAITING]
        return max(min(retries) - time.monotonic(), 0.0) if retries else None


def describe_status(status: int | None) -> str:
    """What ended a process, for people: "was killed by SIGKILL", "ended with status 1"."""
    if status is None:
        return "is running"
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with status {status}"
