"""`maitred status`: what runs, where, and how it does."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.assembly.record import ProcessRecord


def status() -> None:
    """Show every process of the running mesh: pid, addresses, health, uptime, restarts."""
    from datetime import UTC, datetime

    import typer
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from services.assembly.config import AssemblyConfig
    from services.assembly.home import Home
    from services.assembly.record import read_record

    home = Home.locate(AssemblyConfig().home)
    record = read_record(home)
    if record is None:
        print("Nothing is running.")
        raise typer.Exit(3)
    table = Table("process", "pid", "health", "up for", "restarts", "listens on", box=SIMPLE_HEAD)
    now = datetime.now(UTC)
    for process in record.processes:
        table.add_row(
            process.name,
            str(process.pid or "-"),
            _health(process),
            str(now - process.since).partition(".")[0],
            str(process.restarts),
            "\n".join(f"{kind} {address}" for kind, address in process.addresses.items()),
        )
    Console().print(table)


def _health(process: "ProcessRecord") -> str:
    from http.client import HTTPConnection, HTTPException

    from services.assembly.supervisor import State

    admin = process.addresses.get("admin")
    if process.state != State.READY or admin is None:
        return process.state
    try:
        connection = HTTPConnection(admin, timeout=2)
        connection.request("GET", "/healthz")
        return "ready" if connection.getresponse().status == 200 else "not ready"
    except (OSError, HTTPException):
        return "no answer"
