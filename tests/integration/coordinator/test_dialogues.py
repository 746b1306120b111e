"""The written dialogues end in the right orders whoever serves."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from services.assembly.evals.replay import Transcript, is_explicit_yes
from services.coordinator.routing import clients
from tests.acceptance.dialogues import DIALOGUES, Outcome
from tests.integration.coordinator.serving import Guest
from tests.integration.coordinator.whole import AGENTS, Whole

AT_ONCE = 4


async def played(guest: Guest, written: Mapping[str, Any]) -> Outcome:
    """The dialogue as it went, judged as one over the gateway is."""
    transcript = Transcript({"user_turns": written["turns"]})
    before: dict[str, Any] = {}
    for text in written["turns"]:
        answer = _json((await guest.says(text)).turn)
        transcript.answers.append(answer)
        if "order" in answer and transcript.order is None:
            transcript.order = answer["order"]
            transcript.explicit_yes = is_explicit_yes(text, before, answer["order"])
        before = answer
    return Outcome(written, transcript)


def _json(message: Message) -> dict[str, Any]:
    return MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


@pytest.mark.parametrize("agent", AGENTS)
async def test_the_orders_are_right_whoever_serves(
    house: Whole, agent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a busy machine too the decision comes first: without it somebody just serves.
    for limit in ("RANK_S", "TRUST_S"):
        monkeypatch.setattr(clients, limit, 30.0)
    tenants = {
        name: await house.tenant(agent, name) for name in {one["tenant"] for one in DIALOGUES}
    }
    at_once = asyncio.Semaphore(AT_ONCE)

    async def play(written: Mapping[str, Any]) -> Outcome:
        async with at_once:
            return await played(await house.arrives(tenants[written["tenant"]]), written)

    outcomes = await asyncio.gather(*map(play, DIALOGUES))
    answers = [answer for one in outcomes for answer in one.went.answers]
    assert {answer["agent_id"] for answer in answers} == {agent}
    assert all(answer["decision_id"] for answer in answers)
    assert [one.told() for one in outcomes if one.is_unasked] == []
    assert [one.told() for one in outcomes if not one.is_right] == []
