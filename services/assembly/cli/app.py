"""The table of commands."""

import os
import sys

import typer

from services.assembly.cli.chat import chat
from services.assembly.cli.check import check
from services.assembly.cli.config import app as config
from services.assembly.cli.demo import demo
from services.assembly.cli.dlq import app as dlq
from services.assembly.cli.down import down
from services.assembly.cli.evaluate import app as evaluate
from services.assembly.cli.events import app as events
from services.assembly.cli.ingest import ingest
from services.assembly.cli.jobs import app as jobs
from services.assembly.cli.migrate import migrate
from services.assembly.cli.serve import serve
from services.assembly.cli.status import status
from services.assembly.cli.token import token
from services.assembly.cli.up import up
from services.assembly.refusal import Refusal
from services.assembly.settings import invalid_settings

app = typer.Typer(
    name="maitred",
    help="Maitred, the back of house for agents that sell.",
    no_args_is_help=True,
    add_completion=False,
    # Rich help would double the time to the first line.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in (up, down, status, serve, migrate, demo, chat, check, ingest, token):
    app.command()(command)
app.add_typer(config, name="config")
app.add_typer(dlq, name="dlq")
app.add_typer(evaluate, name="eval")
app.add_typer(events, name="events")
app.add_typer(jobs, name="jobs")


def main() -> None:
    """Run one command; a refusal is one line on standard error and status 1."""
    # numpy's threads would not survive a fork, and no target needs them.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        app()
    except Refusal as refusal:
        print(f"maitred: {refusal}", file=sys.stderr)
        sys.exit(1)
    except ValueError as error:
        # pydantic's, which takes its time to import.
        if (problems := invalid_settings(error)) is None:
            raise
        print("\n".join(f"maitred: {problem}" for problem in problems), file=sys.stderr)
        sys.exit(1)
