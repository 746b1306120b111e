"""What is stored of a turn is all that another process needs."""

from uuid import UUID

import pytest

from services.coordinator.agents.profile import InvalidProfile, profile_of, system_prompt
from services.coordinator.documents import packaged_document
from services.coordinator.models.port import Message, MessageRole, ToolRequest
from services.coordinator.sessions.cart import Cart, CartLine, Focus
from services.coordinator.sessions.progress import (
    Checkpoint,
    Progress,
    checkpoint_from_json,
    checkpoint_to_json,
    dialogue_from_json,
)
from services.coordinator.sessions.turn import CallKey, Dialogue, PlacedOrder, Usage
from services.coordinator.workflows.engine import Position

FIRST, SECOND = ToolRequest("c1", "update_cart", "{}"), ToolRequest("c2", "confirm", "{}")
ASKED = Message(MessageRole.ASSISTANT, "", (FIRST, SECOND))
ANSWER = Message(MessageRole.TOOL, "{}", tool_call_id="c1", name="update_cart")


def progress() -> Progress:
    return Progress(
        cart=Cart((CartLine("l1", "latte", 2),), total_minor=10, currency_code="EUR"),
        dialogue=Dialogue(Focus("l1", ("a", "b"), "milk", "with milk"), {"asked": "choice"}),
        usage=Usage(3, 4, "m"),
        messages=(ASKED,),
        text="one moment",
        order=PlacedOrder("ord_1", 10, "EUR", b"\x00\xff"),
    )


def test_calls_wait_until_they_are_answered() -> None:
    asked = progress()
    assert asked.pending_calls() == (FIRST, SECOND)
    answered = asked.answered("serve", ANSWER)
    assert answered.pending_calls() == (SECOND,)
    assert answered.calls == {"serve": 1}


def test_a_checkpoint_survives_storage() -> None:
    checkpoint = Checkpoint(Position("serve", 3), progress().answered("serve", ANSWER))
    assert checkpoint_from_json(checkpoint_to_json(checkpoint)) == checkpoint


def test_a_conversation_begins_with_nothing_to_remember() -> None:
    assert dialogue_from_json({}) == Dialogue()


def test_the_key_of_a_call_names_run_node_and_ordinal() -> None:
    assert str(CallKey(UUID(int=7), "serve", 2)) == f"{7:032x}/serve/2"


def test_the_profile_that_is_shipped_renders_a_prompt() -> None:
    profile = profile_of(packaged_document("services.coordinator.agents", "host.yaml"))
    assert profile.name == "host@1"
    assert "Never suggest" in system_prompt(profile)


@pytest.mark.parametrize(
    "document",
    [
        None,
        {"agent": "host"},
        {
            "agent": "host",
            "version": 1,
            "verbosity": "loud",
            "upsell": "never",
            "grounding": "strict",
        },
        {
            "agent": "",
            "version": 1,
            "verbosity": "brief",
            "upsell": "never",
            "grounding": "strict",
        },
    ],
)
def test_a_profile_of_another_form_is_refused(document: object) -> None:
    with pytest.raises(InvalidProfile):
        profile_of(document)
