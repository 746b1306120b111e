"""`maitred demo`: an evening at the demo tenants, through the public gateway."""

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from services.assembly.demo.access import DemoTenant
    from services.assembly.demo.play import Books, Part


def demo() -> None:
    """Play an evening: guests of both demo tenants order, staff serve, the books are compared."""
    import typer
    from rich.console import Console

    from services.assembly.demo.access import read_tenants
    from services.assembly.demo.play import read_evening
    from services.assembly.running import running_mesh, state_folder

    console = Console()
    url = f"http://{running_mesh().process('gateway').addresses['http']}"
    books = asyncio.run(_play(console, url, read_tenants(state_folder()), read_evening()))
    _show(console, books)
    problems = list(books.problems())
    for problem in problems:
        console.print(f"[red]✗[/] {problem}", highlight=False, soft_wrap=True)
    if problems:
        raise typer.Exit(1)


async def _play(
    console: "Console", url: str, tenants: "Sequence[DemoTenant]", parts: "Sequence[Part]"
) -> "Books":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from services.assembly.demo.play import Evening

    columns = (TextColumn("{task.description:<22}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console) as progress:
        bars = {
            tenant.slug: progress.add_task(
                tenant.display_name,
                total=sum(len(part.says) + 1 for part in parts if part.tenant == tenant.slug),
            )
            for tenant in tenants
        }
        evening = Evening(url, tenants, parts, lambda part, _: progress.advance(bars[part.tenant]))
        return await evening.play()


def _show(console: "Console", books: "Books") -> None:
    """What was ordered, its total, and what the event streams showed of it."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from services.assembly.receipt import line_in_words, money

    table = Table("guest", "at", "order", "total", "seen on /events", box=SIMPLE_HEAD)
    for visit in sorted(books.visits, key=lambda one: (one.part.tenant, one.part.guest)):
        order = visit.order
        if order is None:
            table.add_row(visit.part.guest, visit.part.tenant, "[dim]nothing[/]", "", "")
            continue
        lines = ", ".join(map(line_in_words, order["lines"]))
        total = money(order["total_minor"], order["currency_code"])
        seen = _seen(books.seen[order["order_id"]])
        table.add_row(visit.part.guest, visit.part.tenant, lines, total, seen)
    console.print(table)
    console.print(
        f"{len(books.visits)} guests · {len(books.placed)} orders placed"
        f" · {len(books.announced)} seen on /events · {len(books.listed)} in the lists",
        highlight=False,
    )


def _seen(statuses: "Sequence[str]") -> str:
    """The first and the last change of status seen, and how many there were."""
    if not statuses:
        return "[red]nothing[/]"
    return f"{statuses[0]} → {statuses[-1]} ({len(statuses)})"
