"""What a turn's nodes do with a model that may ask for anything."""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from services.coordinator.agents.profile import Behaviour, Profile, system_prompt
from services.coordinator.models.port import (
    CallDelta,
    Delta,
    MemoryDelta,
    Message,
    MessageRole,
    ModelRequest,
    TextDelta,
    ToolOffer,
    ToolRequest,
    UsageDelta,
)
from services.coordinator.sessions.cart import Cart, CartLine
from services.coordinator.sessions.nodes import Staff, TurnNodes
from services.coordinator.sessions.ports import Begun
from services.coordinator.sessions.progress import Checkpoint, Progress
from services.coordinator.sessions.serving import Serving
from services.coordinator.sessions.stream import Listener, ListenerGone
from services.coordinator.sessions.turn import (
    Dialogue,
    Exchange,
    Lease,
    Owner,
    PlacedOrder,
    Turn,
    TurnState,
    Usage,
)
from services.coordinator.tools.guard import Consent
from services.coordinator.tools.tool import (
    Effect,
    InvalidArguments,
    Situation,
    Tool,
    ToolResult,
)
from services.coordinator.workflows.engine import Position
from services.coordinator.workflows.graph import Node

HOST = Profile("host", 1, Behaviour())
OWNER = Owner(UUID(int=1), "gst_1")
TURN = Turn(UUID(int=3), UUID(int=2), "key", 2, "a latte", TurnState.RUNNING, datetime.now(UTC))
LATTES = Cart((CartLine("l1", "latte", 2),))
CONVERSE = Node("converse", "model", ("look",), {})
SERVE = Node("serve", "tools", ("look", "fill", "order"), {})
AT = Position("serve", 1)


class Script:
    """A model that says what it is told to."""

    name = "script"
    provider = "test"

    def __init__(self, *deltas: Delta) -> None:
        self.deltas = deltas
        self.asked: list[ModelRequest] = []

    async def complete(self, request: ModelRequest) -> AsyncIterator[Delta]:
        self.asked.append(request)
        for delta in self.deltas:
            yield delta


class Chatterbox(Script):
    """A model that never stops."""

    async def complete(self, request: ModelRequest) -> AsyncIterator[Delta]:
        while True:
            yield TextDelta("and ")


class Journal:
    """A store that remembers what was written, in order."""

    def __init__(self) -> None:
        self.written: list[tuple[str, Checkpoint]] = []

    async def begin_effect(self, *written: Any) -> int:
        self.written.append(("begin", written[2]))
        return 1

    async def record_effect(self, *written: Any) -> None:
        self.written.append(("record", written[4]))


class Deed:
    """A tool that does one thing."""

    def __init__(self, name: str, effect: Effect = Effect.NONE) -> None:
        self.offer = ToolOffer(name, "", {})
        self.effect = effect
        self.keys: list[str] = []

    async def call(self, arguments: Mapping[str, Any], situation: Situation) -> ToolResult:
        self.keys.append(str(situation.key))
        if arguments.get("bad"):
            raise InvalidArguments("bad must be good")
        order = PlacedOrder("ord_1", 1, "EUR", b"") if self.effect is not Effect.NONE else None
        cart = LATTES if self.offer.name == "fill" else situation.cart
        return ToolResult(True, {"did": self.offer.name}, cart, situation.focus, order)


def nodes(
    model: Script, tools: Mapping[str, Tool] | None = None, journal: Journal | None = None
) -> TurnNodes:
    history = (Exchange("hello", "Hello!"),)
    begun = Begun(TURN, Lease(OWNER, TURN.session_id, 1), Cart(), Dialogue(), history, "", None, ())
    return TurnNodes(
        begun=begun,
        consent=Consent("", approved=False),
        staff=Staff({"host": HOST}, HOST),
        decide=decide,
        new_recommendation=lambda: "rec_1",
        model=model,
        tools=tools or {"look": Deed("look")},
        store=journal or Journal(),  # type: ignore[arg-type] # only what effects write
        listener=Listener(),
    )


async def decide(_begun: Begun) -> Serving:
    return Serving("host", "dec_1", 0.5)


def progress(*calls: ToolRequest) -> Progress:
    asked = Message(MessageRole.ASSISTANT, "", calls)
    return Progress(Cart(), Dialogue(), Usage(model="script"), messages=(asked,) if calls else ())


async def test_a_model_sees_prompt_history_and_message() -> None:
    model = Script(TextDelta("Two "), TextDelta("lattes."), UsageDelta(5, 2))
    turn = nodes(model)
    outcome = await turn.converse(CONVERSE, AT, progress())
    said = [(message.role, message.content) for message in model.asked[0].messages]
    assert said == [
        (MessageRole.SYSTEM, system_prompt(HOST)),
        (MessageRole.USER, "hello"),
        (MessageRole.ASSISTANT, "Hello!"),
        (MessageRole.USER, "a latte"),
    ]
    assert [offer.name for offer in model.asked[0].tools] == ["look"]
    assert outcome.label == "answered"
    assert outcome.state.text == "Two lattes."
    assert outcome.state.usage == Usage(5, 2, "script")


async def test_a_model_that_calls_tools_is_heard_again() -> None:
    call = ToolRequest("c1", "look", "{}")
    model = Script(CallDelta(call), MemoryDelta({"asked": "choice"}), UsageDelta(1, 1))
    outcome = await nodes(model).converse(CONVERSE, AT, progress())
    assert outcome.label == "called"
    assert outcome.state.pending_calls() == (call,)
    assert outcome.state.dialogue.memory == {"asked": "choice"}


async def test_a_model_is_stopped_when_nobody_listens() -> None:
    turn = nodes(Chatterbox())
    turn.listener.leave()
    with pytest.raises(ListenerGone):
        await turn.converse(CONVERSE, AT, progress())


async def test_calls_are_answered_in_order_and_one_that_fails_leaves_the_rest() -> None:
    calls = (
        ToolRequest("c1", "fill", "{}"),
        ToolRequest("c2", "fly", "{}"),
        ToolRequest("c3", "look", "not json"),
        ToolRequest("c4", "look", '{"bad": true}'),
        ToolRequest("c5", "look", "{}"),
    )
    tools: dict[str, Tool] = {"look": Deed("look"), "fill": Deed("fill")}
    outcome = await nodes(Script(), tools).serve(SERVE, AT, progress(*calls))
    answers = outcome.state.messages[1:]
    assert [answer.tool_call_id for answer in answers] == ["c1", "c2", "c3", "c4", "c5"]
    assert [json.loads(answer.content).get("detail") for answer in answers] == [
        None,
        "no tool 'fly' here",
        "arguments are not JSON",
        "bad must be good",
        None,
    ]
    assert outcome.state.cart == LATTES
    assert outcome.label == "refused"


async def test_an_effect_is_stored_before_it_begins_and_after_it_ends() -> None:
    journal, deed = Journal(), Deed("order", Effect.IDEMPOTENT)
    calls = (ToolRequest("c1", "order", "{}"),)
    outcome = await nodes(Script(), {"order": deed}, journal).serve(SERVE, AT, progress(*calls))
    (begin, before), (record, after) = journal.written
    assert (begin, record) == ("begin", "record")
    assert before.progress.order is None
    assert before.progress.pending_calls() == calls
    assert after.progress.order is not None
    assert after.progress.pending_calls() == ()
    assert outcome.label == "placed"


async def test_a_resumed_call_keeps_its_key_and_the_next_has_another() -> None:
    deed = Deed("look")
    first, second = ToolRequest("c1", "look", "{}"), ToolRequest("c2", "look", "{}")
    turn = nodes(Script(), {"look": deed})
    await turn.serve(SERVE, AT, progress(first, second))
    await turn.serve(SERVE, AT, progress(first, second))
    run = TURN.turn_id.hex
    assert deed.keys == [f"{run}/serve/0", f"{run}/serve/1"] * 2
