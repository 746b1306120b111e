"""`maitred up`: start everything on this machine."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from services.assembly.config import AssemblyConfig
    from services.assembly.demo.access import DemoTenant
    from services.assembly.home import Home
    from services.assembly.report import Report


def up(
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete the embedded data first.")] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return once all is ready; `maitred down` stops it.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port of the gateway; 0: any port for everything."),
    ] = None,
) -> None:
    """Start Postgres, Valkey and every target; seed the demo tenants; say how to use it all.

    Ctrl-C stops everything and loses nothing. Without DATABASE_URL and REDIS_URL the servers are
    embedded, their data below .maitred.
    """
    from rich.console import Console

    from services.assembly import daemon
    from services.assembly.config import AssemblyConfig
    from services.assembly.home import Home
    from services.assembly.refusal import Refusal
    from services.assembly.report import Report

    config = AssemblyConfig()
    home = Home.locate(config.home).ensure()
    report = Report(Console(highlight=False), home.log("supervisor"))
    if home.is_held():
        if fresh:
            raise Refusal("a mesh runs from this folder: stop it first, with `maitred down`.")
        _say_running(home, report)
        return
    tell_ready: Callable[[], None] | None = _nothing
    if detach:
        tell_ready = daemon.detach(home.log("console"))
    if tell_ready is None:
        return
    with home.held() as ours:
        if not ours:
            raise Refusal("another mesh was started from this folder at the same moment.")
        # That of a supervisor that was killed.
        home.run_record.unlink(missing_ok=True)
        if fresh:
            _forget_data(home, config)
        _run(home, config, port, report, tell_ready)


def _nothing() -> None: ...


def _run(
    home: "Home",
    config: "AssemblyConfig",
    port: "int | None",
    report: "Report",
    tell_ready: "Callable[[], None]",
) -> None:
    from time import monotonic

    began = monotonic()
    from services.assembly.mesh import Mesh
    from services.assembly.report import log_tail
    from services.assembly.supervisor import StartError, StopRequestedError, StopSignals

    report.title(home.path)
    with StopSignals() as signals:
        mesh = Mesh(home, config, port, report, signals)
        try:
            tenants = mesh.start()
            report.ready(monotonic() - began)
            _say_how(home, report, mesh.gateway_url, tenants)
            tell_ready()
            mesh.watch()
        except StopRequestedError:
            pass
        except StartError as error:
            report.failed(str(error), log_tail(home.log(error.name)))
            raise typer.Exit(1) from None
        finally:
            report.say("", "Stopping; what was accepted is finished first.")
            mesh.stop()
    report.say("Stopped.")


def _forget_data(home: "Home", config: "AssemblyConfig") -> None:
    import shutil

    from services.assembly.embedded import EmbeddedPostgres, EmbeddedValkey
    from services.assembly.refusal import Refusal

    if config.database_url or config.redis_url:
        raise Refusal("--fresh deletes embedded data only; yours are in servers of your own.")
    for server in (EmbeddedPostgres(home, 0), EmbeddedValkey(home, 0)):
        shutil.rmtree(server.data, ignore_errors=True)


def _say_running(home: "Home", report: "Report") -> None:
    from services.assembly.demo.access import read_tenants
    from services.assembly.record import read_record
    from services.assembly.refusal import Refusal

    record = read_record(home)
    if record is None or not record.ready:
        raise Refusal("a mesh is being started or stopped from this folder; see `maitred status`.")
    report.say(f"Running already, with pid {record.pid}.")
    _say_how(home, report, record.gateway_url, read_tenants(home))


def _say_how(
    home: "Home", report: "Report", gateway_url: str, tenants: "Sequence[DemoTenant]"
) -> None:
    import sys
    from pathlib import Path

    first = tenants[0]
    command = _short(Path(sys.argv[0]).absolute())
    report.say("")
    for tenant in tenants:
        report.say(
            f"  [bold]{tenant.display_name}[/]",
            f"    guests  {gateway_url}/t/{tenant.slug}",
            f"    staff   {gateway_url}/t/{tenant.slug}/board#key={tenant.staff_key}",
        )
    report.say(
        f"  [bold]API[/]       {gateway_url}/api/v1 [dim](described at /openapi.json)[/]",
        f"    key     {first.manager_key}",
        f"    [dim]a manager's of {first.display_name}; also in {_short(home.demo_env)}[/]",
        "",
        "Three things to try",
        f"  1. Open {gateway_url}/t/{first.slug} and ask for a latte with oat milk;",
        "     the staff's page beside it shows the order as it is placed.",
        f"  2. {command} demo                       [dim]plays an evening of guests[/]",
        f"  3. . {_short(home.demo_env)} && "
        'curl -H "Authorization: Bearer $MAITRED_API_KEY" $MAITRED_URL/api/v1/orders',
        "",
        f"[dim]`{command} down`, or Ctrl-C here, stops everything; the data stay.[/]",
    )


def _short(path: "Path") -> str:
    """The path as a person in this folder would type it."""
    from pathlib import Path

    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
