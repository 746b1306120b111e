"""`maitred check`: whether an installation is as it should be."""

import asyncio
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.assembly.checks.finding import Finding


def check() -> None:
    """Check settings, peers, versions, row-level security, metrics and a rating's way round.

    Of the mesh that runs from the state folder; without one, of what the settings name. Exits with
    1 if anything is not as it should be, and says what to do.
    """
    from services.assembly.checks.configuration import check_names, check_settings
    from services.assembly.checks.finding import Verdict

    findings = check_settings()
    # With settings that cannot be read nobody knows where to look.
    if not any(one.verdict is Verdict.BAD for one in findings):
        findings += [*check_names(), *asyncio.run(_look())]
    _show(findings)
    if any(one.verdict is Verdict.BAD for one in findings):
        raise typer.Exit(1)


async def _look() -> "list[Finding]":
    from services.assembly.checks.counting import check_metrics
    from services.assembly.checks.loop import check_loop
    from services.assembly.checks.reach import check_peers
    from services.assembly.checks.servers import check_servers
    from services.assembly.checks.site import find_site
    from services.assembly.checks.tenancy import check_tenancy
    from services.assembly.running import state_folder

    site = find_site(state_folder())
    return [
        *await check_servers(site),
        *await check_peers(site.peers),
        *await check_tenancy(site),
        *await check_metrics(site.admin),
        *await check_loop(site.access),
    ]


def _show(findings: "Sequence[Finding]") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from services.assembly.checks.finding import Verdict

    marks = {Verdict.GOOD: "[green]✓[/]", Verdict.BAD: "[red]✗[/]", Verdict.UNKNOWN: "[yellow]–[/]"}
    console = Console(highlight=False)
    table = Table("", "of", "what", "how it is", box=SIMPLE_HEAD)
    area = ""
    for one in findings:
        text = one.text if not one.remedy else f"{one.text}\n[bold]→ {one.remedy}[/]"
        table.add_row(marks[one.verdict], one.area if one.area != area else "", one.subject, text)
        area = one.area
    console.print(table)
    wrong = sum(one.verdict is Verdict.BAD for one in findings)
    console.print(f"{len(findings)} checks, {wrong or 'none'} failed.")
