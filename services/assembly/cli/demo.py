"""`maitred demo`: an evening at the demo tenants, then the loop at a new one."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from rich.console import Console

    from services.assembly.demo.access import DemoTenant
    from services.assembly.demo.books import Account
    from services.assembly.demo.guests import Guest
    from services.assembly.demo.play import Books, Part
    from services.assembly.demo.shift import Row
    from services.assembly.record import RunRecord

# The demo tenant that the one of the loop is like.
HOUSE = "coffee-bar"
MOST_PROBLEMS = 20


def demo(
    guests: Annotated[int, typer.Option(min=120, help="Guests of the loop.")] = 180,
    seed: Annotated[int, typer.Option(help="Of the loop's guests; the same one, the same.")] = 1,
) -> None:
    """Play an evening, then the loop: guests rate, an agent turns bad, others serve instead."""
    from rich.console import Console

    from services.assembly.client import Refused
    from services.assembly.demo.access import read_tenants
    from services.assembly.demo.cached import hit_ratio, read_counts
    from services.assembly.demo.guests import come
    from services.assembly.demo.loop import SPOILT
    from services.assembly.demo.play import read_evening
    from services.assembly.demo.shift import shift_problems
    from services.assembly.refusal import Refusal
    from services.assembly.running import running_mesh, state_folder

    console = Console()
    mesh = running_mesh()
    parts = read_evening()
    admin = mesh.process("orders").addresses["admin"]
    counts = asyncio.run(read_counts(admin))
    books = asyncio.run(
        _play_evening(console, mesh.gateway_url, read_tenants(state_folder()), parts)
    )
    _show_evening(console, books)
    try:
        account = asyncio.run(_play_loop(console, mesh, tuple(come(seed, guests))))
    except Refused as refused:
        raise Refusal(f"the loop cannot be played: {refused}") from None
    _show_loop(console, account)
    ratio = hit_ratio(counts, asyncio.run(read_counts(admin)))
    problems = [*books.problems(), *account.problems(), *shift_problems(account, SPOILT)]
    problems += _show_cache(console, ratio)
    for problem in problems[:MOST_PROBLEMS]:
        console.print(f"[red]✗[/] {problem}", highlight=False, soft_wrap=True)
    if problems:
        if len(problems) > MOST_PROBLEMS:
            console.print(f"[red]✗[/] and {len(problems) - MOST_PROBLEMS} more", highlight=False)
        raise typer.Exit(1)
    _say_shift(console, account, SPOILT)


async def _play_evening(
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


def _show_evening(console: "Console", books: "Books") -> None:
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
        f" · {len(books.announced)} seen on /events · {len(books.listed)} in the lists"
        f" · {sum(visit.stars > 0 for visit in books.visits)} rated",
        highlight=False,
        soft_wrap=True,
    )


def _show_cache(console: "Console", ratio: float | None) -> "Sequence[str]":
    """How many reads of catalogs and promotions the cache answered; what is wrong with that."""
    from services.assembly.demo.cached import LEAST_RATIO

    if ratio is None:
        return ("nobody read a catalog or promotions",)
    console.print(f"{ratio:.1%} of reads of catalogs and promotions answered by the cache")
    if ratio < LEAST_RATIO:
        return (f"the cache answered {ratio:.1%} of reads, not {LEAST_RATIO:.0%}",)
    return ()


def _seen(statuses: "Sequence[str]") -> str:
    """The first and the last change of status seen, and how many there were."""
    if not statuses:
        return "[red]nothing[/]"
    return f"{statuses[0]} → {statuses[-1]} ({len(statuses)})"


async def _play_loop(console: "Console", mesh: "RunRecord", guests: "Sequence[Guest]") -> "Account":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from services.assembly.demo.branches import new_branch
    from services.assembly.demo.loop import Loop
    from services.assembly.running import state_folder

    tenant = await new_branch(mesh, state_folder(), HOUSE)
    page = f"{mesh.gateway_url}/t/{tenant.slug}"
    console.print(
        "\n[bold]The loop[/], at a new tenant: guests rate, and halfway one agent turns bad.\n"
        f"    guests  {page}\n"
        f"    staff   {page}/board#key={tenant.staff_key}\n"
        f"    trust   {page}/trust#key={tenant.staff_key}\n",
        highlight=False,
        soft_wrap=True,
    )
    columns = (TextColumn("{task.description:<32}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("guests", total=len(guests))
        loop = Loop(
            mesh.gateway_url,
            tenant,
            guests,
            progress=lambda _: progress.advance(bar),
            stage=lambda words: progress.update(bar, description=words),
        )
        return await loop.play()


def _show_loop(console: "Console", account: "Account") -> None:
    """Who served how often, for what reward, and how far they are trusted; before and after."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from services.assembly.demo.shift import rows

    table = Table("agent", "share", "reward", "trust, half-time", "trust, end", box=SIMPLE_HEAD)
    table.caption = "share and mean reward: first half → last quarter; trust: 90 % interval"
    for row in rows(account):
        table.add_row(*_cells(row))
    console.print(table)
    for insight in account.end.insights:
        console.print(f"  • {insight['text']}", highlight=False, soft_wrap=True)
    rated = sum(bool(visit.ratings) for visit in account.visits)
    rewarded = sum(
        one["source"] == "rating"
        for decision in account.decisions.values()
        for one in decision["rewards"]
    )
    console.print(
        f"\n{len(account.visits)} guests · {len(account.decisions)} decisions"
        f" · {account.ratings} ratings, {account.ratings - rated} of them given again"
        f" · {len(account.feedback)} seen on /events · {rewarded} rewards",
        highlight=False,
        soft_wrap=True,
    )


def _cells(row: "Row") -> "Sequence[str]":
    return (
        row.agent_id,
        f"{row.first.share:.0%} → {row.last.share:.0%}",
        f"{_reward(row.first.reward)} → {_reward(row.last.reward)}",
        _trust(row.before),
        _trust(row.after),
    )


def _reward(mean: float | None) -> str:
    return "[dim]none[/]" if mean is None else f"{mean:+.2f}"


def _trust(trust: "Mapping[str, Any]") -> str:
    return f"{trust['overall']:.2f} [dim]({trust['low']:.2f}–{trust['high']:.2f})[/]"


def _say_shift(console: "Console", account: "Account", spoilt: str) -> None:
    from services.assembly.demo.shift import rows

    row = next(one for one in rows(account) if one.agent_id == spoilt)
    console.print(
        f"[green]✓[/] {spoilt} turned bad at half-time: its share fell from {row.first.share:.0%}"
        f" to {row.last.share:.0%}, trust in it from {row.before['overall']:.2f}"
        f" to {row.after['overall']:.2f}.\n"
        "[green]✓[/] Every rating is one reward, a later one in place of the earlier;"
        " probabilities sum to 1; GET /decisions/{id} agrees with the log.",
        highlight=False,
        soft_wrap=True,
    )
