"""Tool calls and messages of the chat-completions API, with what providers make of it."""

import json

import pytest

from services.coordinator.models.openai.calls import CallAssembly
from services.coordinator.models.openai.messages import messages_of, tools_of
from services.coordinator.models.port import Message, MessageRole, ToolOffer, ToolRequest


def assembled(
    *pieces: tuple[int | None, str, str, str], taken: tuple[str, ...] = ()
) -> tuple[ToolRequest, ...]:
    assembly = CallAssembly(taken)
    for piece in pieces:
        assembly.add(*piece)
    return assembly.calls()


def test_pieces_of_calls_that_come_in_turns_are_put_together() -> None:
    assert assembled(
        (0, "a", "update_cart", ""),
        (1, "b", "confirm", "{"),
        (0, "", "", '{"text":'),
        (1, "", "", "}"),
        (0, "", "", '"a latte"}'),
    ) == (
        ToolRequest("a", "update_cart", '{"text":"a latte"}'),
        ToolRequest("b", "confirm", "{}"),
    )


@pytest.mark.parametrize("index", [0, None])
def test_a_new_id_is_a_new_call_where_the_provider_does_not_count(index: int | None) -> None:
    assert assembled(
        (index, "a", "look", "{"), (index, "", "", "}"), (index, "b", "look", "{}")
    ) == (
        ToolRequest("a", "look", "{}"),
        ToolRequest("b", "look", "{}"),
    )


def test_an_id_repeated_in_every_piece_is_one_call() -> None:
    assert assembled((0, "a", "look", "{"), (0, "a", "look", "}")) == (
        ToolRequest("a", "look", "{}"),
    )


def test_calls_get_ids_no_other_call_of_the_turn_has() -> None:
    calls = assembled(
        (0, "call_0", "look", "{}"), (1, "", "look", "{}"), taken=("call_0", "call_1", "call_3")
    )
    ids = {call.tool_call_id for call in calls}
    assert len(ids) == 2
    assert not ids & {"call_0", "call_1", "call_3", ""}


def test_a_turn_is_told_as_the_api_wants_it() -> None:
    call = ToolRequest("a", "look", '{"query": ""}')
    told = messages_of(
        (
            Message(MessageRole.SYSTEM, "be brief"),
            Message(MessageRole.USER, "hello"),
            Message(MessageRole.ASSISTANT, "", (call,)),
            Message(MessageRole.TOOL, "{}", tool_call_id="a", name="look"),
        )
    )
    function = {"name": "look", "arguments": '{"query": ""}'}
    assert told == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "hello"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "a", "type": "function", "function": function}],
        },
        {"role": "tool", "content": "{}", "tool_call_id": "a"},
    ]


@pytest.mark.parametrize("arguments", ['{"text": "a lat', "[]", "", "null"])
def test_arguments_that_cannot_be_read_are_not_told_again(arguments: str) -> None:
    call = ToolRequest("a", "look", arguments)
    (told,) = messages_of((Message(MessageRole.ASSISTANT, "", (call,)),))
    assert told["tool_calls"][0]["function"]["arguments"] == "{}"


def test_an_answer_without_words_is_left_out() -> None:
    assert messages_of((Message(MessageRole.ASSISTANT, ""),)) == []


def test_a_tool_is_offered_with_its_schema() -> None:
    (told,) = tools_of((ToolOffer("look", "Looks.", {"type": "object"}),))
    assert told["type"] == "function"
    assert json.loads(json.dumps(told["function"])) == {
        "name": "look",
        "description": "Looks.",
        "parameters": {"type": "object"},
    }
