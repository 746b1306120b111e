"""What both embedded servers share: how their process is started and when it counts as ready."""

import importlib.util
import os
import subprocess
from pathlib import Path
from typing import Protocol

from services.assembly.refusal import Refusal


class EmbeddedError(Refusal):
    """An embedded server cannot run here; the message says why and what to do instead."""


class Server(Protocol):
    """One embedded server process, supervised from outside."""

    def prepare(self) -> None:
        """Make the data folder ready; idempotent.

        Raises:
            EmbeddedError: it cannot be done on this machine.
        """
        ...

    def start(self) -> "subprocess.Popen[bytes]":
        """Start the process: a session of its own, dying with this one."""
        ...

    def is_ready(self, pid: int, /) -> bool:
        """Whether the process `pid` answers queries now."""
        ...


def wheel_folder(package: str) -> Path:
    """Where an installed wheel's files are, without importing it.

    Raises:
        EmbeddedError: it is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            f"the package {package} is not installed: install maitred[embedded], "
            "or set DATABASE_URL and REDIS_URL to servers of your own."
        )
    return Path(spec.submodule_search_locations[0])


def launch(argv: list[str], log: Path) -> "subprocess.Popen[bytes]":
    """Start a server in a session of its own, so that Ctrl-C reaches it through us only."""
    # No library path or PG* variable of the caller may steer the server.
    environ = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
    with log.open("ab") as output:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environ,
            start_new_session=True,
        )
