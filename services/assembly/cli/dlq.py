"""`maitred dlq`: the events that consumers could not take in."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.assembly.cli.tables import print_table

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from services.assembly.client import GatewayClient

app = typer.Typer(
    help="See the events that consumers could not take in; replay or discard them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
PATH = "/api/v1/dead-letters"
LONGEST_ERROR = 80


class State(StrEnum):
    """Which letters are listed."""

    WAITING = "waiting"
    RESOLVED = "resolved"
    DISCARDED = "discarded"
    ALL = "all"


Ids = Annotated[list[str] | None, typer.Argument(help="Ids, `dlq_…`; none for all that match.")]
Consumer = Annotated[str, typer.Option(help="Of this consumer.")]
Type = Annotated[str, typer.Option("--type", help="Of events of this type.")]
Aggregate = Annotated[str, typer.Option(help="Of this aggregate, such as an order's id.")]
Error = Annotated[str, typer.Option(help="Whose error has this text in it.")]
Since = Annotated[str, typer.Option(help="Set aside at or after this time, RFC 3339.")]
Until = Annotated[str, typer.Option(help="Set aside before this time, RFC 3339.")]
Everything = Annotated[bool, typer.Option("--all", help="All that wait, without a filter.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Tenant = Annotated[str, typer.Option(help="Slug of a demo tenant, else that of $MAITRED_API_KEY.")]
Url = Annotated[str, typer.Option(help="The gateway; $MAITRED_URL, or that of the running mesh.")]


@app.command("list")
def list_letters(
    consumer: Consumer = "",
    kind: Type = "",
    aggregate: Aggregate = "",
    error: Error = "",
    since: Since = "",
    until: Until = "",
    status: Annotated[State, typer.Option(help="What has become of them.")] = State.WAITING,
    as_json: AsJson = False,
    tenant: Tenant = "",
    url: Url = "",
) -> None:
    """List dead letters, the last set aside first."""
    asked = _filter(consumer, kind, aggregate, error, since, until)
    if status is not State.ALL:
        asked["status"] = f"DEAD_LETTER_STATUS_{status.upper()}"
    letters = _run(lambda client: _all(client, asked), url, tenant)
    if as_json:
        print(json.dumps(letters, indent=2))
    else:
        _table(letters)


@app.command()
def show(
    letter_id: Annotated[str, typer.Argument(help="An id, `dlq_…`.")],
    as_json: AsJson = False,
    tenant: Tenant = "",
    url: Url = "",
) -> None:
    """Show one letter with its payload."""
    letter = _run(lambda client: client.call("GET", f"{PATH}/{letter_id}"), url, tenant)
    if as_json:
        print(json.dumps(letter, indent=2))
        return
    text = letter.pop("payload_json", "")
    letter.pop("payload", None)
    for name, value in letter.items():
        print(f"{name:18} {_plain(value) if name == 'status' else value}")
    print(json.dumps(json.loads(text), indent=2, ensure_ascii=False) if text else "(no JSON)")


@app.command()
def replay(
    ids: Ids = None,
    consumer: Consumer = "",
    kind: Type = "",
    aggregate: Aggregate = "",
    error: Error = "",
    since: Since = "",
    until: Until = "",
    everything: Everything = False,
    as_json: AsJson = False,
    tenant: Tenant = "",
    url: Url = "",
) -> None:
    """Make letters due at once; their consumers try them within seconds, in order."""
    meant = _meant(ids, _filter(consumer, kind, aggregate, error, since, until), everything)
    answer = _run(lambda client: client.call("POST", f"{PATH}:replay", meant), url, tenant)
    _told(answer, "to be tried now", as_json, ids)


@app.command()
def discard(
    reason: Annotated[str, typer.Option(help="Why, for whoever asks later.")],
    ids: Ids = None,
    consumer: Consumer = "",
    kind: Type = "",
    aggregate: Aggregate = "",
    error: Error = "",
    since: Since = "",
    until: Until = "",
    everything: Everything = False,
    as_json: AsJson = False,
    tenant: Tenant = "",
    url: Url = "",
) -> None:
    """Give letters up: their events never have their effect."""
    meant = _meant(ids, _filter(consumer, kind, aggregate, error, since, until), everything)
    body = {**meant, "reason": reason}
    answer = _run(lambda client: client.call("POST", f"{PATH}:discard", body), url, tenant)
    _told(answer, "discarded", as_json, ids)


def _run(work: "Callable[[GatewayClient], Awaitable[Any]]", url: str, tenant: str) -> Any:
    from services.assembly.manager import as_manager

    return asyncio.run(as_manager(work, url, tenant))


async def _all(client: "GatewayClient", asked: Mapping[str, str]) -> list[dict[str, Any]]:
    import httpx

    found: list[dict[str, Any]] = []
    token = ""
    while True:
        query = httpx.QueryParams({**asked, "page_size": "200", "page_token": token})
        page = await client.call("GET", f"{PATH}?{query}")
        found += page.get("dead_letters", [])
        token = page.get("next_page_token", "")
        if not token:
            return found


def _filter(
    consumer: str, kind: str, aggregate: str, error: str, since: str, until: str
) -> dict[str, str]:
    given = {
        "consumer": consumer,
        "type": kind,
        "aggregate_id": aggregate,
        "error": error,
        "start_time": since,
        "end_time": until,
    }
    return {name: value for name, value in given.items() if value}


def _meant(
    ids: Sequence[str] | None, chosen: Mapping[str, str], everything: bool
) -> dict[str, Any]:
    from services.assembly.refusal import Refusal

    if not (ids or chosen or everything):
        raise Refusal("which letters? Give ids or a filter, or --all.")
    return {**chosen, **({"dead_letter_ids": list(ids)} if ids else {})}


def _told(answer: Mapping[str, Any], what: str, as_json: bool, ids: Sequence[str] | None) -> None:
    from services.assembly.refusal import Refusal

    count = answer.get("count", 0)
    if ids and not count:
        raise Refusal("no such letter waits: `maitred dlq show` says what became of one.")
    print(json.dumps({"count": count}) if as_json else f"{_letters(count)} {what}.")


def _letters(count: int) -> str:
    return "1 letter" if count == 1 else f"{count} letters"


def _table(letters: Sequence[Mapping[str, Any]]) -> None:
    rows = [
        [
            one["dead_letter_id"],
            one["consumer"],
            one["aggregate_id"],
            str(one.get("attempts", 0)),
            _plain(one["status"]),
            one.get("error", "")[:LONGEST_ERROR],
        ]
        for one in letters
    ]
    if rows:
        print_table(("id", "consumer", "aggregate", "tries", "status", "error"), rows)
    print(f"{_letters(len(letters))}.")


def _plain(value: str) -> str:
    return str(value).removeprefix("DEAD_LETTER_STATUS_").lower()
