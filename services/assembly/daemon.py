"""Leaving the terminal: `maitred up --detach`."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from services.assembly.children import redirect


def detach(log: Path) -> Callable[[], None] | None:
    """Go on in a child with a session of its own; this process waits until it is ready.

    Returns:
        In the child: what it calls when it is ready; its output goes to `log` from then on. In
        this process, once the child is ready: None. A child that ends before ends us, too.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        try:
            ready = os.read(reader, 1) == b"1"
        except KeyboardInterrupt:
            os.kill(child, signal.SIGTERM)
            ready = False
        if not ready:
            _, status = os.waitpid(child, 0)
            sys.exit(os.waitstatus_to_exitcode(status) or 1)
        return None
    os.setsid()

    def tell_ready() -> None:
        redirect(log)
        os.write(writer, b"1")
        os.close(writer)

    return tell_ready
