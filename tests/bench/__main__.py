"""`make bench`: every figure beside its bare baseline in the same run, and one table of them."""

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence

import uvloop
from rich.console import Console

from tests.bench import chain, draining, fanout, mesh, placing, ranking, rest, searching
from tests.bench.table import Row, show

BENCHES: Mapping[str, Callable[[], Awaitable[Sequence[Row]]]] = {
    "chain": chain.rows,
    "placing": placing.rows,
    "ranking": ranking.rows,
    "searching": searching.rows,
    "rest": rest.rows,
    "draining": draining.rows,
    "fanout": fanout.rows,
    "mesh": mesh.rows,
}
WIDTH = 150


async def main(names: Sequence[str]) -> None:
    """Runs the benches named, or all."""
    # Wide enough for the whole table wherever it goes.
    console = Console(width=WIDTH) if not sys.stdout.isatty() else Console()
    rows: list[Row] = []
    for name in names or BENCHES:
        with console.status(name):
            rows.extend(await BENCHES[name]())
    show(rows, console)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1:]))
