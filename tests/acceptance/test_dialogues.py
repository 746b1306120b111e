"""Dialogues of our own, over both demo tenants, through the gateway."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml

from services.assembly.client import GatewayClient
from services.assembly.evals.replay import Transcript, replay
from tests.support.mesh import RunningMesh

DIALOGUES = yaml.safe_load(Path(__file__).with_name("dialogues.yaml").read_text(encoding="utf-8"))
CATEGORIES = {"off_topic", "unavailable", "ambiguous", "change", "removal", "differing"}
CATEGORIES |= {"refused", "silence"}
LEAST = 60
LEAST_RIGHT = 0.9


@dataclass(frozen=True, slots=True)
class Outcome:
    """A dialogue as written down, and as it went."""

    written: Mapping[str, Any]
    went: Transcript

    @property
    def is_right(self) -> bool:
        """Whether the order that came of it is the one written down, or none where none is."""
        wanted, order = self.written["order"], self.went.order
        if wanted is None or order is None:
            return wanted is order is None
        notes = " ".join(line["note"] for line in order["lines"]).lower()
        chosen = {
            choice["order_choice_id"]: choice["option_id"]
            for choice in order["order_choices"]
            if not choice["is_default"]
        }
        return (
            sorted(map(_as_ordered, wanted)) == sorted(map(_as_placed, order["lines"]))
            and all(note.lower() in notes for note in self.written.get("note", []))
            and self.written.get("choices", {}).items() <= chosen.items()
        )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def outcomes(mesh: RunningMesh) -> Sequence[Outcome]:
    at_once = asyncio.Semaphore(4)

    async def play(written: Mapping[str, Any]) -> Outcome:
        slug = written["tenant"].replace("_", "-")
        async with at_once:
            guest = await GatewayClient.guest(http, slug)
            return Outcome(written, await replay(guest, {"user_turns": written["turns"]}))

    async with httpx.AsyncClient(base_url=mesh.gateway_url, timeout=60) as http:
        return await asyncio.gather(*map(play, DIALOGUES))


def test_there_are_enough_of_every_kind() -> None:
    assert len(DIALOGUES) >= LEAST
    assert {one["category"] for one in DIALOGUES} >= CATEGORIES


@pytest.mark.asyncio(loop_scope="module")
async def test_nine_of_ten_guests_get_what_they_asked_for(outcomes: Sequence[Outcome]) -> None:
    wrong = [_told(one) for one in outcomes if not one.is_right]
    assert len(wrong) <= (1 - LEAST_RIGHT) * len(outcomes), "\n".join(wrong)


@pytest.mark.asyncio(loop_scope="module")
async def test_nothing_is_ordered_without_an_explicit_yes(outcomes: Sequence[Outcome]) -> None:
    unasked = [
        _told(one)
        for one in outcomes
        if one.went.order and (one.written["order"] is None or not one.went.explicit_yes)
    ]
    assert unasked == []


@pytest.mark.asyncio(loop_scope="module")
async def test_no_dialogue_ends_in_an_error(outcomes: Sequence[Outcome]) -> None:
    assert [_told(one) for one in outcomes if one.went.error] == []


def _as_ordered(line: str) -> tuple[str, ...]:
    """`2 latte milk.oat +vanilla_syrup*2` in comparable form."""
    quantity, product, *parts = line.split()
    return (product, quantity, *sorted(part.removesuffix("*1") for part in parts))


def _as_placed(line: Mapping[str, Any]) -> tuple[str, ...]:
    options = [
        ("" if one["quantity"] else "-")
        + f"{one['option_group_id']}.{one['option_id']}"
        + (f"*{one['quantity']}" if one["quantity"] > 1 else "")
        for one in line["options"]
        if not one["is_default"]
    ]
    extras = [
        f"+{one['add_on_id']}" + (f"*{one['quantity']}" if one["quantity"] > 1 else "")
        for one in line["add_ons"]
    ]
    return (line["product_id"], str(line["quantity"]), *sorted(options + extras))


def _told(outcome: Outcome) -> str:
    said = outcome.written["turns"]
    heard = [answer["text"] for answer in outcome.went.answers]
    lines = outcome.went.order["lines"] if outcome.went.order else None
    placed = [" ".join(_as_placed(line)) for line in lines] if lines else None
    talk = "\n".join(
        f"    {text}\n      → {answer}" for text, answer in zip(said, heard, strict=False)
    )
    return f"{outcome.written['category']}: {outcome.written['order']} but {placed}\n{talk}"
