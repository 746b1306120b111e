"""`maitred jobs`: what waits, runs and failed in the background."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.assembly.cli.tables import print_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

app = typer.Typer(
    help="See background jobs and schedules, and retry what failed.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_HEADS = ("job", "task", "queue", "status", "tries", "progress", "error", "deferred")
# On a narrower terminal lines would not fit.
_COMPLETE = 140
# Columns that a narrow line has before its last word.
_BEFORE = 64
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(
    queue: Annotated[str, typer.Option(help="Only jobs of this queue.")] = "",
    status: Annotated[
        str, typer.Option(help="Only waiting, running, succeeded, failed or cancelled ones.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    as_json: _Json = False,
) -> None:
    """Show the newest jobs of all tenants; reads the database, so no worker need live.

    A terminal of less than 140 columns has no room for queue and tries; pipes and JSON have all.
    """
    import asyncio

    from services.assembly.jobs import listed, state
    from services.assembly.refusal import Refusal
    from services.worker.state import JobState

    if status and status not in set(JobState):
        raise Refusal(f"no such status: {status}; there are {', '.join(JobState)}.")
    url = _url()
    jobs = asyncio.run(listed(url, queue, JobState(status) if status else None, limit))
    if as_json:
        _print_json(jobs)
        return
    print_jobs(jobs, _terminal_width())
    if asyncio.run(state(url))["status"] == "down":
        typer.echo("No worker lives: nothing of this runs.", err=True)


@app.command()
def schedules(as_json: _Json = False) -> None:
    """Show what is deferred again and again, and when next; times are UTC."""
    import asyncio

    from services.assembly.jobs import scheduled

    found = asyncio.run(scheduled(_url()))
    if as_json:
        _print_json(found)
        return
    rows = [
        (
            one["task"],
            one["queue"],
            one["cron"],
            _moment(one.get("last_time", "")),
            _moment(one["next_time"]),
        )
        for one in found
    ]
    print_table(("task", "queue", "cron", "last", "next"), rows)


@app.command()
def retry(
    jobs: Annotated[list[str] | None, typer.Argument(help="Ids or numbers of jobs.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All that failed.")] = False,
    as_json: _Json = False,
) -> None:
    """Have failed jobs run again, with all their attempts."""
    import asyncio

    from services.assembly.jobs import retried
    from services.assembly.refusal import Refusal

    if not jobs and not failed:
        raise Refusal("name jobs, or --failed for all that failed.")
    done = asyncio.run(retried(_url(), jobs or (), failed=failed))
    if as_json:
        _print_json({"retried": done})
    else:
        print(f"{len(done)} jobs will run again.")


def print_jobs(jobs: "Sequence[Mapping[str, Any]]", width: int | None) -> None:
    """Prints a line for each job.

    Args:
        jobs: as the API writes them.
        width: columns there are; None if all is to be told however long the lines.
    """
    if width is None or width >= _COMPLETE:
        print_table(_HEADS, [_told(job) for job in jobs])
        return
    rows, room = [], max(0, width - _BEFORE)
    for number, task, _, status, _, progress, error, deferred in map(_told, jobs):
        rows.append((number, task, status, deferred, (error or progress)[:room]))
    print_table(("job", "task", "status", "deferred", "detail"), rows)


def _told(job: "Mapping[str, Any]") -> tuple[str, ...]:
    return (
        str(int(job["job_id"].removeprefix("job_"), 16)),
        job["task"],
        job["queue"],
        job["state"].removeprefix("JOB_STATE_").lower(),
        str(job.get("attempts", 0)),
        _progress(job.get("progress", {})),
        job.get("error", ""),
        _moment(job.get("create_time", "")),
    )


def _terminal_width() -> int | None:
    import shutil
    import sys

    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _url() -> str:
    from services.assembly.migrations import service_url
    from services.assembly.running import database_url, state_folder
    from services.worker.config import WorkerConfig

    return service_url("worker", database_url(), state_folder(), WorkerConfig().database_url)


def _progress(progress: dict[str, Any]) -> str:
    done, total = progress.get("done", "0"), progress.get("total", "")
    share = f"{done}/{total}" if total else done if "done" in progress else ""
    return f"{share} {progress.get('note', '')}".strip()


def _moment(text: str) -> str:
    return text[5:16].replace("T", " ") or "-"


def _print_json(found: object) -> None:
    import json

    print(json.dumps(found, indent=2))
