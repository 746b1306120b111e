"""Ends the children of a supervisor that died, where the kernel does not do it (not Linux)."""

import contextlib
import os
import signal
import sys


class Guard:
    """A small process that watches a pipe: when our end closes, it signals the children left."""

    def __init__(self) -> None:
        watched, self._pipe = os.pipe()
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            os.close(self._pipe)
            os.setsid()
            for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(ignored, signal.SIG_IGN)
            _watch(watched)
            os._exit(0)
        os.close(watched)
        self.pid = pid

    def add(self, pid: int, death_signal: signal.Signals) -> None:
        """Signal `pid` with `death_signal` should this process die."""
        os.write(self._pipe, f"+ {pid} {int(death_signal)}\n".encode())

    def remove(self, pid: int) -> None:
        """Forget a child that has ended: its number may become another program's."""
        os.write(self._pipe, f"- {pid} 0\n".encode())

    def close(self) -> None:
        """End the guard; what is still watched is signalled."""
        os.close(self._pipe)
        os.waitpid(self.pid, 0)


def _watch(pipe: int) -> None:
    left: dict[int, int] = {}
    with os.fdopen(pipe) as lines:
        for line in lines:
            sign, pid, number = line.split()
            if sign == "+":
                left[int(pid)] = int(number)
            else:
                left.pop(int(pid), None)
    for child, death_signal in left.items():
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, death_signal)
