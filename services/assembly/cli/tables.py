"""Tables on the terminal."""

from collections.abc import Sequence

_AS_WIDE_AS_IT_TAKES = 1000


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A line a row, however narrow the terminal: ids are copied whole, and lines are piped."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(*heads, box=SIMPLE_HEAD)
    for row in rows:
        table.add_row(*map(_printable, row))
    Console(width=_AS_WIDE_AS_IT_TAKES, highlight=False, markup=False).print(table)


def _printable(text: str) -> str:
    """The text on one line. What others wrote, as in an error, must not steer the terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
