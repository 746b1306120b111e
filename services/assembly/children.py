"""Child processes that never outlive the supervisor.

Servers written elsewhere are executed (`services.assembly.embedded`); our own targets are forked
from the supervisor, which has imported them once: a fork costs milliseconds and shares the
memory of the imports. So nothing that holds a thread, an event loop or a gRPC object may exist
before the fork.
"""

import ctypes
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from subprocess import Popen
from typing import Protocol

PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
# mallopt(3): heaps that malloc keeps for threads. By default there are eight for each core, and a
# search that ran in one leaves its memory there.
M_ARENA_MAX = -8
ARENAS = 2
INHERITED_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)

# Runs the child: gets the call that reports readiness, returns the exit status.
Body = Callable[[Callable[[], None]], int]


class Child(Protocol):
    """A started process."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None:
        """The exit status (negative: the signal that ended it), None while it runs."""
        ...

    def is_ready(self) -> bool:
        """Whether it has become ready to serve and still runs."""
        ...


class Executed:
    """A server of another make; it is asked whether it is ready."""

    def __init__(self, process: "Popen[bytes]", answers: Callable[[int], bool]) -> None:
        self.pid = process.pid
        self._process = process
        self._answers = answers

    def poll(self) -> int | None:
        """See `Child.poll`."""
        return self._process.poll()

    def is_ready(self) -> bool:
        """See `Child.is_ready`."""
        return self._process.poll() is None and self._answers(self.pid)


class Forked:
    """A child forked from this process; it says through a pipe when it is ready."""

    def __init__(self, pid: int, ready: int) -> None:
        self.pid = pid
        self._ready = ready
        self._said_ready = False
        self._status: int | None = None

    def poll(self) -> int | None:
        """See `Child.poll`."""
        if self._status is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self._status = os.waitstatus_to_exitcode(status)
                os.close(self._ready)
        return self._status

    def is_ready(self) -> bool:
        """See `Child.is_ready`."""
        if not self._said_ready and self._status is None:
            readable, _, _ = select.select([self._ready], [], [], 0)
            self._said_ready = bool(readable) and os.read(self._ready, 1) != b""
        return self._said_ready and self._status is None


def fork(name: str, body: Body, log: Path | None = None) -> Forked:
    """Start `body` in a child with a session of its own, its output appended to any `log`.

    The child gets SIGTERM when this process dies (Linux) and none of our descriptors.
    """
    parent = os.getpid()
    ready, notify = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        os.close(notify)
        return Forked(pid, ready)
    status = 1
    try:
        _detach(name, parent, log, keep=notify)
        status = body(lambda: _report(notify))
    except SystemExit as exit_:
        status = exit_.code if isinstance(exit_.code, int) else 1
    except BaseException:  # noqa: BLE001  nothing may unwind into the parent's frames
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def redirect(log: Path) -> None:
    """Append standard output and error of this process to `log`; read nothing any more."""
    # In this order, and closing no standard one: any of the three may have been closed before.
    null = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    for opened in (null, output):
        if opened > 2:
            os.close(opened)


def _report(notify: int) -> None:
    os.write(notify, b"1")


def _detach(name: str, parent: int, log: Path | None, keep: int) -> None:
    os.setsid()
    signal.set_wakeup_fd(-1)
    for inherited in INHERITED_SIGNALS:
        signal.signal(inherited, signal.SIG_DFL)
    if log is not None:
        redirect(log)
    os.closerange(3, keep)
    os.closerange(keep + 1, os.sysconf("SC_OPEN_MAX"))
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_NAME, name.encode(), 0, 0, 0)
        libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        with suppress(AttributeError):  # musl has no such heaps
            libc.mallopt(M_ARENA_MAX, ARENAS)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)
