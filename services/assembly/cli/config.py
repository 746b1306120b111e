"""`maitred config`: what the settings are, and where each value comes from."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from services.chassis.run.config import Settings

app = typer.Typer(help="Show settings.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def show() -> None:
    """Print every setting: its value (secrets hidden) and its source."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from services.chassis.run.config import describe

    rows = {row.name: row for cls in _classes() for row in describe(cls())}
    table = Table("setting", "value", "source", box=SIMPLE_HEAD)
    for row in rows.values():
        table.add_row(row.name, row.value, row.source)
    Console().print(table)


@app.command()
def example() -> None:
    """Print the text of .env.example: every setting with its meaning and default."""
    from services.chassis.run.config import example as render

    print(render(_classes()), end="")


def _classes() -> "list[type[Settings]]":
    from services.assembly.config import AssemblyConfig
    from services.assembly.targets import TARGETS

    return [AssemblyConfig, *(target.load().config for target in TARGETS)]
