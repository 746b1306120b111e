"""`maitred eval`: measurements on real data."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.assembly.cli.month import loop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from services.assembly.evals.replay import Transcript
    from services.assembly.evals.retrieval import Collection

app = typer.Typer(help="Measure on real data.", no_args_is_help=True, rich_markup_mode=None)
app.command()(loop)
DATA = Path("../shared/data")


@app.callback()
def suites() -> None:
    """Measure on real data."""


@app.command()
def orders(
    data: Annotated[Path, typer.Option(help="Folder that holds coffee_orders/.")] = DATA,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the scores here.")] = None,
    failures: Annotated[
        Path | None, typer.Option(help="Write dialogues gone wrong here (the half one may read).")
    ] = None,
    limit: Annotated[int, typer.Option(help="Only the first so many dialogues; 0 for all.")] = 0,
) -> None:
    """Replay recorded coffee dialogues and compare the orders with those people wrote down."""
    from rich.console import Console

    from services.assembly.evals.replay import read_dialogues
    from services.assembly.refusal import Refusal

    folder = data / "coffee_orders"
    if not (folder / "dialogs.jsonl.gz").is_file():
        if data != DATA:
            raise Refusal(f"{folder} holds no dialogues.")
        print(f"Skipped: {folder} holds no dialogues; name the folder that has it with --data.")
        return
    console = Console()
    menu = json.loads((folder / "menu.json").read_text(encoding="utf-8"))
    records = read_dialogues(folder)
    transcripts = asyncio.run(_replay(console, menu, records[:limit] if limit else records))
    scores = _scores(transcripts)
    if json_file:
        json_file.write_text(json.dumps(scores, indent=2) + "\n", encoding="utf-8")
    if failures:
        _write_failures(failures, transcripts)
    _show(console, scores)


@app.command()
def retrieval(
    data: Annotated[Path, typer.Option(help="The folder scifact/ or policy_kb/ itself.")] = DATA
    / "scifact",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the scores here.")] = None,
) -> None:
    """Answer judged questions by meaning, by words and by both, with the service's own code."""
    from rich.console import Console

    from services.assembly.evals.retrieval import COLLECTIONS
    from services.assembly.refusal import Refusal

    read = COLLECTIONS.get(data.resolve().name)
    if read is None or not (data / "qrels.tsv").is_file():
        if data != DATA / "scifact":
            raise Refusal(f"{data} holds none of {', '.join(COLLECTIONS)}.")
        print(f"Skipped: {data} holds no questions; name the folder that does with --data.")
        return
    console = Console()
    collection = read(data)
    scores = _retrieved(console, collection)
    if json_file:
        json_file.write_text(json.dumps(scores, indent=2) + "\n", encoding="utf-8")
    _show_retrieval(console, scores)
    console.print(collection.attribution, highlight=False)


def _retrieved(console: "Console", collection: "Collection") -> dict[str, Any]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from services.assembly.evals.retrieval import evaluate

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        bar = progress.add_task("documents", total=len(collection.documents))
        return evaluate(collection, lambda: progress.advance(bar))


def _show_retrieval(console: "Console", scores: dict[str, Any]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    runs = {name: run for name, run in scores.items() if name != "latency_ms"}
    table = Table("measure", *runs, box=SIMPLE_HEAD)
    for measure in next(iter(runs.values())):
        table.add_row(measure, *(_text(run[measure]) for run in runs.values()))
    console.print(table)
    took = scores["latency_ms"]
    console.print(f"A hybrid search: p50 {took['p50']} ms, p95 {took['p95']} ms.", highlight=False)


async def _replay(
    console: "Console", menu: dict[str, Any], records: "Sequence[dict[str, Any]]"
) -> "list[Transcript]":
    import httpx
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from services.assembly.client import GatewayClient
    from services.assembly.evals.coffee_menu import coffee_catalog
    from services.assembly.evals.replay import off_the_menu, replay_all
    from services.assembly.evals.tenant import scratch_tenant
    from services.assembly.local import local_mesh_key
    from services.assembly.refusal import Refusal
    from services.assembly.running import running_mesh, state_folder
    from services.chassis.rpc.identity import MeshSigner
    from services.chassis.rpc.peers import Peers

    mesh = running_mesh()
    gateway = mesh.process("gateway").addresses
    key = local_mesh_key(state_folder())
    peers = Peers({"gateway": f"ipv4:{gateway['grpc']}"})
    try:
        signer = MeshSigner(key.private_pem, key.kid)
        tenant = await scratch_tenant(peers, signer, "eval-orders")
    finally:
        await peers.close()
    catalog = coffee_catalog(menu)
    async with httpx.AsyncClient(base_url=f"http://{gateway['http']}", timeout=60) as http:
        manager = GatewayClient(http, tenant.manager_key)
        await manager.call("POST", "/api/v1/products:import", {"catalog": catalog})
        columns = (TextColumn("dialogues"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console) as progress:
            bar = progress.add_task("dialogues", total=len(records))
            guest = GatewayClient(http, tenant.guest_key)
            transcripts = await replay_all(guest, records, lambda: progress.advance(bar))
    if strangers := off_the_menu(transcripts, catalog):
        raise Refusal(f"{strangers} ordered lines are not on the menu.")
    return transcripts


def _scores(transcripts: "Sequence[Transcript]") -> dict[str, Any]:
    from services.assembly.evals.replay import is_readable, judged
    from services.assembly.evals.scoring import score

    halves: dict[str, list[Transcript]] = {"read": [], "unread": []}
    for transcript in transcripts:
        halves["read" if is_readable(transcript.record) else "unread"].append(transcript)
    scores = score(map(judged, transcripts))
    scores["halves"] = {
        name: {
            key: value for key, value in score(map(judged, half)).items() if key != "per_scenario"
        }
        for name, half in halves.items()
    }
    return scores


def _write_failures(path: Path, transcripts: "Sequence[Transcript]") -> None:
    from services.assembly.evals.replay import is_readable, judged
    from services.assembly.evals.scoring import is_exact, is_false_order

    with path.open("w", encoding="utf-8") as file:
        for transcript in transcripts:
            replay = judged(transcript)
            wrong = is_false_order(replay) or (replay.gold is not None and not is_exact(replay))
            if not is_readable(transcript.record) or not (wrong or transcript.error):
                continue
            told = {
                "id": transcript.record["id"],
                "scenario": transcript.record["scenario"],
                "said": transcript.record["user_turns"],
                "answered": [answer["text"] for answer in transcript.answers],
                "gold": transcript.record["gold"],
                "placed": transcript.order,
                "error": transcript.error,
            }
            file.write(json.dumps(told, ensure_ascii=False) + "\n")


def _show(console: "Console", scores: dict[str, Any]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table("measure", "all", "half read", "half unread", box=SIMPLE_HEAD)
    read, unread = scores["halves"]["read"], scores["halves"]["unread"]
    for name in scores:
        if name not in {"per_scenario", "halves", "slot_f1"}:
            table.add_row(name, *(_text(one[name]) for one in (scores, read, unread)))
    for name in scores["slot_f1"]:
        values = (_text(one["slot_f1"][name]) for one in (scores, read, unread))
        table.add_row(f"slot_f1 {name}", *values)
    console.print(table)
    console.print(
        "Dialogues: Taskmaster-4, Bill Byrne and Saravanan Ganesh, Google LLC, CC BY 4.0.",
        highlight=False,
    )


def _text(value: float | None) -> str:
    match value:
        case None:
            return "-"
        case int():
            return str(value)
        case _:
            return f"{value:.4f}"
