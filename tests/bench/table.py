"""What a bench finds, and the one table of it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        what: what was measured.
        ours: the figure with its unit, for reading.
        bare: the baseline's figure with its unit, measured in the same run.
        ratio: ours to the baseline's.
        reach: the ratio aimed at.
        at_most: whether less is better.
        note: what else to know.
        why: what keeps it from being reached, shown when it is not.
    """

    what: str
    ours: str
    bare: str
    ratio: float
    reach: float
    at_most: bool = False
    note: str = ""
    why: str = ""

    @property
    def is_reached(self) -> bool:
        """Whether the aim is met."""
        return self.ratio <= self.reach if self.at_most else self.ratio >= self.reach


async def interleaved(
    measures: Mapping[str, Callable[[], Awaitable[float]]], rounds: int = 11
) -> dict[str, float]:
    """The median of each measure; they take turns, so that a slow moment hits all alike.

    The first round warms up and is not counted.
    """
    found: dict[str, list[float]] = {name: [] for name in measures}
    for number in range(rounds + 1):
        for name, measure in measures.items():
            figure = await measure()
            if number:
                found[name].append(figure)
    return {name: median(figures) for name, figures in found.items()}


def show(rows: Sequence[Row], console: Console) -> None:
    """Prints the table."""
    table = Table()
    for heading in ("what", "ours", "bare", "ratio", "reach", "", "note"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        sign = "≤" if row.at_most else "≥"
        outcome = "reached" if row.is_reached else _missed(row)
        notes = (row.note, "" if row.is_reached else row.why)
        table.add_row(
            row.what,
            row.ours,
            row.bare,
            f"{row.ratio:.2f}",
            f"{sign} {row.reach:g}",
            outcome,
            "; ".join(filter(None, notes)),
        )
    console.print(table)


def _missed(row: Row) -> str:
    return f"missed by {abs(row.ratio - row.reach) / row.reach:.0%}"
