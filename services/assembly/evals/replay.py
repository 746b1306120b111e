"""Replays recorded dialogues through the gateway, guest's words only, and judges the outcome."""

import asyncio
import gzip
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.assembly.client import GatewayClient, Refused
from services.assembly.evals.scoring import Line, Order, Replay, gold_order

AT_ONCE = 8

# What approves in any wording. Judged here anew, by nothing the dialogue model uses.
_APPROVES = re.compile(
    r"\b(y|yes|yeah|yep|yup|ya|yea|sure|ok|okay|right|correct|perfect|great|good|fine|exactly|"
    r"absolutely|definitely|indeed|please do|go ahead|place it|order it|confirm(ed)?|"
    r"that'?s (it|all|everything)|that is (it|all)|that will be all|that'?ll be all|"
    r"looks?|sounds|it is|it does|all set|thanks?|thank you|cool|awesome|i do|works|accurate|"
    r"got it|all clear|what i (want|wanted|order|ordered|said|asked)|"
    r"no (issues|problems?|changes))\b",
    re.IGNORECASE,
)
_OBJECTS = re.compile(r"^\s*(no|nope|not|don'?t|wait|stop|cancel)\b", re.IGNORECASE)


@dataclass(slots=True)
class Transcript:
    """One dialogue as it went: the answers, the order, what was wrong."""

    record: Mapping[str, Any]
    answers: list[dict[str, Any]] = field(default_factory=list)
    order: dict[str, Any] | None = None
    explicit_yes: bool = True
    clarified: int = 0
    error: str = ""


def read_dialogues(folder: Path) -> list[dict[str, Any]]:
    """The dialogues of the data set, those left out of every score not among them.

    Raises:
        OSError: the folder does not hold them.
    """
    with gzip.open(folder / "dialogs.jsonl.gz", "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    return [record for record in records if not record["exclude"]]


async def replay_all(
    client: GatewayClient,
    records: Sequence[Mapping[str, Any]],
    progress: Callable[[], None] = lambda: None,
) -> list[Transcript]:
    """Replays dialogues, several at once, each in a conversation of its own."""
    at_once = asyncio.Semaphore(AT_ONCE)

    async def one(record: Mapping[str, Any]) -> Transcript:
        async with at_once:
            transcript = await replay(client, record)
        progress()
        return transcript

    return list(await asyncio.gather(*(one(record) for record in records)))


async def replay(client: GatewayClient, record: Mapping[str, Any]) -> Transcript:
    """Says the guest's turns in order and unchanged; stops early only at an error."""
    transcript = Transcript(record)
    try:
        session = await client.call("POST", "/api/v1/sessions", {})
        before: dict[str, Any] = {}
        for text in record["user_turns"]:
            answer = await client.say(session["session_id"], text)
            transcript.answers.append(answer)
            if answer.get("order") and transcript.order is None:
                transcript.order = answer["order"]
                transcript.explicit_yes = is_explicit_yes(text, before, answer["order"])
            elif "?" in answer["text"] and not reads_back(answer["text"], answer.get("cart") or {}):
                transcript.clarified += 1
            before = answer
    except Refused as refusal:
        transcript.error = str(refusal)
    return transcript


def is_explicit_yes(text: str, before: Mapping[str, Any], order: Mapping[str, Any]) -> bool:
    """Whether a guest's words approve the read-back of exactly what was ordered.

    Args:
        text: the guest's words.
        before: the answer they reply to.
        order: what was placed upon them.
    """
    cart = before.get("cart") or {}
    same = sorted(map(_made, cart.get("lines", []))) == sorted(map(_made, order["lines"]))
    return (
        same
        and reads_back(before["text"], cart)
        and bool(_APPROVES.search(text))
        and not _OBJECTS.match(text)
    )


def reads_back(text: str, cart: Mapping[str, Any]) -> bool:
    """Whether a text names every product, chosen option and extra of a cart, and asks."""
    said = text.lower()
    names = [
        name
        for line in cart.get("lines", [])
        for name in (
            line["product_name"],
            *(one["option_name"] for one in line.get("options", []) if not one.get("is_default")),
            *(one["add_on_name"] for one in line.get("add_ons", [])),
        )
    ]
    return bool(names) and "?" in text and all(name.lower() in said for name in names)


def judged(transcript: Transcript) -> Replay:
    """A transcript as scored."""
    record = transcript.record
    return Replay(
        scenario=record["scenario"],
        gold=gold_order(record),
        placed=placed_order(transcript.order) if transcript.order else None,
        marked=bool(record["not_voiced"] or record["voiced_not_in_gold"]),
        score_order_type=record["order_type_explicit"],
        explicit_yes=transcript.explicit_yes,
        clarified=transcript.clarified,
        crashed=bool(transcript.error),
    )


def placed_order(order: Mapping[str, Any]) -> Order:
    """An order of the gateway in names, with chosen options only."""
    lines = tuple(
        Line(
            item=line["product_name"],
            quantity=line["quantity"],
            options={
                one["option_group_id"]: one["option_name"]
                for one in line.get("options", [])
                if not one.get("is_default")
            },
            add_ons=tuple(
                one["add_on_name"]
                for one in line.get("add_ons", [])
                for _ in range(one.get("quantity", 1) or 1)
            ),
            note=line.get("note", ""),
        )
        for line in order["lines"]
    )
    kinds = [choice["option_name"] for choice in order.get("order_choices", [])]
    return Order(lines, kinds[0] if kinds else "")


def off_the_menu(transcripts: Iterable[Transcript], catalog: Mapping[str, Any]) -> int:
    """How many ordered lines name a product the catalog does not have."""
    known = {product["product_id"] for product in catalog["products"]}
    return sum(
        line["product_id"] not in known
        for transcript in transcripts
        if transcript.order
        for line in transcript.order["lines"]
    )


def is_readable(record: Mapping[str, Any]) -> bool:
    """Whether a dialogue may be looked at: sha256 of its id begins with an even byte.

    The other half is scored and never read, so that a rule made for what was read shows as a gap.
    """
    return hashlib.sha256(record["id"].encode()).digest()[0] % 2 == 0


def _made(line: Mapping[str, Any]) -> str:
    """A line's making, comparable."""
    chosen = sorted(
        [one["option_group_id"], one["option_id"], one.get("quantity", 0)]
        for one in line.get("options", [])
        if not one.get("is_default")
    )
    extras = sorted([one["add_on_id"], one.get("quantity", 0)] for one in line.get("add_ons", []))
    return json.dumps([line["product_id"], line["quantity"], chosen, extras, line.get("note", "")])
