"""What `maitred up` says: to people on the console, to programs in a log of JSON lines."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from services.assembly.supervisor import State, Supervised, restart_delay

NAME_WIDTH = 13
WHERE_WIDTH = 52


class Report:
    """Start-up lines and, later, what crashed and came back.

    Args:
        console: where people read.
        log: a file of one JSON object a line.
    """

    def __init__(self, console: Console, log: Path) -> None:
        self._console = console
        self._log = log
        self._launched: dict[str, float] = {}

    def title(self, home: Path) -> None:
        self._console.print(f"[bold]Maitred[/] [dim]· state in {home}[/]\n")

    def done(self, name: str, where: str, seconds: float) -> None:
        """One thing is up: what, where, how long it took."""
        self._console.print(
            f"  [green]✓[/] {name:<{NAME_WIDTH}}{where:<{WHERE_WIDTH}}[dim]{seconds:6.1f} s[/]",
            highlight=False,
        )
        self._write("started", name=name, where=where, seconds=round(seconds, 3))

    def ready(self, seconds: float) -> None:
        """All of it is up."""
        self._console.print(f"\n  [bold green]Ready[/] in {seconds:.1f} s")
        self._write("ready", seconds=round(seconds, 3))

    def note(self, text: str) -> None:
        """Something a person should know, such as a port that was taken."""
        self._console.print(f"  [yellow]•[/] {text}")
        self._write("note", text=text)

    def say(self, *lines: str) -> None:
        for line in lines:
            self._console.print(line, soft_wrap=True)

    def failed(self, text: str, tail: Sequence[str]) -> None:
        """Why the start was given up, and the end of the log that tells more."""
        self._console.print(f"  [red]✗[/] {text}")
        for line in tail:
            self._console.print(f"      {line}", style="dim", markup=False)
        self._write("failed", text=text)

    def change(self, one: Supervised, where: Mapping[str, str]) -> None:
        """A program changed its state."""
        name = one.program.name
        if one.state is State.STARTING:
            self._launched[name] = one.since
        elif one.state is State.READY:
            taken = one.since - self._launched[name]
            verb = "" if not one.restarts else "back: "
            self.done(name, verb + describe_addresses(where), taken)
        elif one.state is State.WAITING:
            self._crashed(one)

    def _crashed(self, one: Supervised) -> None:
        what = f"{one.program.name} {one.fate}"
        delay = restart_delay(one.failures)
        self._console.print(f"  [red]✗[/] {what}; starting it again in {delay:.1f} s")
        self._write("crashed", name=one.program.name, status=one.last_status, retry_in_s=delay)

    def _write(self, event: str, **fields: object) -> None:
        moment = datetime.now(UTC).isoformat(timespec="milliseconds")
        with self._log.open("a") as log:
            log.write(json.dumps({"timestamp": moment, "event": event, **fields}) + "\n")


def describe_addresses(addresses: Mapping[str, str]) -> str:
    """Addresses for people; the admin port only where there is no other."""
    shown = {"http": "http://{}", "grpc": "grpc {}", "tcp": "{}"}
    parts = [shown[kind].format(where) for kind, where in addresses.items() if kind in shown]
    return " · ".join(parts) or f"admin {addresses['admin']}"


def log_tail(path: Path, lines: int = 8) -> list[str]:
    """The last lines of a log; none if there is no such file."""
    try:
        return path.read_text(errors="replace").splitlines()[-lines:]
    except FileNotFoundError:
        return []
