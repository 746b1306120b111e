"""Dialogues as written down in dialogues.yaml, played through a gateway and judged."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from services.assembly.client import GatewayClient
from services.assembly.evals.replay import Transcript, replay

DIALOGUES: Sequence[Mapping[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("dialogues.yaml").read_text(encoding="utf-8")
)
_AT_ONCE = 4


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

    @property
    def is_unasked(self) -> bool:
        """Whether something was ordered that nobody said yes to."""
        return self.went.order is not None and (
            self.written["order"] is None or not self.went.explicit_yes
        )

    def told(self) -> str:
        """How it went, for people."""
        said = self.written["turns"]
        heard = [answer["text"] for answer in self.went.answers]
        lines = self.went.order["lines"] if self.went.order else None
        placed = [" ".join(_as_placed(line)) for line in lines] if lines else None
        talk = "\n".join(
            f"    {text}\n      → {answer}" for text, answer in zip(said, heard, strict=False)
        )
        return f"{self.written['category']}: {self.written['order']} but {placed}\n{talk}"


async def play(gateway_url: str, dialogues: Iterable[Mapping[str, Any]]) -> list[Outcome]:
    """Plays dialogues, several at once, each by a guest of its own."""
    at_once = asyncio.Semaphore(_AT_ONCE)

    async def one(written: Mapping[str, Any]) -> Outcome:
        slug = written["tenant"].replace("_", "-")
        async with at_once:
            guest = await GatewayClient.guest(http, slug)
            return Outcome(written, await replay(guest, {"user_turns": written["turns"]}))

    async with httpx.AsyncClient(base_url=gateway_url, timeout=60) as http:
        return list(await asyncio.gather(*map(one, dialogues)))


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
