"""Who serves is settled once; what an answer cites and offers is kept and told."""

import json
from dataclasses import replace
from typing import Any

import pytest

from services.coordinator.agents.profile import Behaviour, Profile, Upsell
from services.coordinator.models.port import Message, MessageRole, TextDelta, ToolRequest
from services.coordinator.sessions.nodes import Staff
from services.coordinator.sessions.progress import (
    Checkpoint,
    Progress,
    checkpoint_from_json,
    checkpoint_to_json,
)
from services.coordinator.sessions.serving import (
    MOST_REMEMBERED,
    Citation,
    Passage,
    Recommendation,
    RecommendationKind,
    Serving,
    Suggestion,
)
from services.coordinator.sessions.stream import Cited, Listener, TextSaid
from services.coordinator.sessions.telling import newly_cited, newly_offered
from services.coordinator.sessions.turn import Dialogue
from services.coordinator.tools.suggest import SUGGEST_PRODUCT
from services.coordinator.workflows.engine import Position
from services.coordinator.workflows.graph import Node
from tests.unit.coordinator.test_nodes import AT, HOST, Deed, Script, nodes, progress

ROUTE = Node("route", "route", (), {})
TALK = Node("converse", "model", ("look", SUGGEST_PRODUCT), {})
HELP = Node("serve", "tools", ("look", SUGGEST_PRODUCT), {})
SELLER = Profile("seller", 1, Behaviour(upsell=Upsell.ONCE))
SERVING = Serving("seller", "dec_1", 0.5)
HOURS = Passage(
    Citation("doc_1", "Rules", "rules.md", 3, "chk_1", ("Hours",), "Open till 7."), "", 1.0, 0.6
)
PRICES = Passage(Citation("doc_2", "Prices", "prices.md", 1, "chk_2", (), "It is 2."), "", 0.8)
BUN = Suggestion("bun", "Plain Bun", 0.9)


def served(**changes: Any) -> Progress:
    """A turn that somebody serves."""
    return replace(progress(), dialogue=Dialogue(serving=SERVING), **changes)


def kinds(after: Progress) -> list[tuple[RecommendationKind, float]]:
    return [(one.kind, one.confidence) for one in after.recommendations]


async def test_who_serves_is_settled_and_told_once() -> None:
    turn = nodes(Script())
    outcome = await turn.route(ROUTE, AT, progress())
    assert outcome.label == "ranked"
    assert outcome.state.dialogue.serving == Serving(
        "host", "dec_1", 0.5, recommendation_ids=("rec_1",)
    )
    assert kinds(outcome.state) == [(RecommendationKind.SERVE, 0.5)]
    again = await turn.route(ROUTE, AT, outcome.state)
    assert (again.label, again.state) == ("kept", outcome.state)


async def test_where_nobody_chose_that_is_the_route() -> None:
    async def decide(_begun: object) -> Serving:
        return Serving("host")

    outcome = await replace(nodes(Script()), decide=decide).route(ROUTE, AT, progress())
    assert outcome.label == "fallback"


async def test_untracked_nothing_is_recommended_but_who_serves_is_known() -> None:
    turn = replace(nodes(Script(TextDelta("[1]"))), new_recommendation=None)
    outcome = await turn.route(ROUTE, AT, progress())
    assert outcome.state.recommendations == ()
    assert outcome.state.dialogue.serving == Serving("host", "dec_1", 0.5)


async def test_a_profile_that_is_gone_is_stood_in_for() -> None:
    staff = Staff({"host": HOST}, HOST)
    assert staff.serving(served()) == HOST


async def test_only_who_may_offer_is_given_the_tool_and_only_while_they_may() -> None:
    model = Script()
    turn = replace(nodes(model), staff=Staff({"seller": SELLER}, HOST))
    turn = replace(turn, tools={"look": Deed("look"), SUGGEST_PRODUCT: Deed(SUGGEST_PRODUCT)})
    offered = replace(served(), dialogue=Dialogue(serving=replace(SERVING, offered=("bun",))))
    for state in (progress(), served(), served(suggestions=(BUN,)), offered):
        await turn.converse(TALK, AT, state)
    assert [[offer.name for offer in request.tools] for request in model.asked] == [
        ["look"],
        ["look", SUGGEST_PRODUCT],
        ["look"],
        ["look"],
    ]


async def test_a_tool_that_was_not_offered_is_refused() -> None:
    turn = replace(nodes(Script()), tools={SUGGEST_PRODUCT: Deed(SUGGEST_PRODUCT)})
    asked = progress(ToolRequest("c1", SUGGEST_PRODUCT, "{}"))
    outcome = await turn.serve(HELP, AT, asked)
    assert outcome.label == "refused"
    assert "no tool" in outcome.state.messages[-1].content


async def test_what_an_answer_points_at_is_cited_and_told() -> None:
    turn = nodes(Script(TextDelta("Till 7 [1], for 2 [2][7]."), TextDelta(" Till 7 [1].")))
    outcome = await turn.converse(TALK, AT, served(passages=(HOURS, PRICES)))
    assert outcome.state.citations == (HOURS.citation, PRICES.citation)
    assert kinds(outcome.state) == [(RecommendationKind.ANSWER, 0.8)]
    events = [event async for event in _said(turn.listener)]
    assert [event.citation for event in events if isinstance(event, Cited)] == [
        HOURS.citation,
        PRICES.citation,
    ]


async def test_marks_are_the_places_of_the_citations_even_in_pieces() -> None:
    turn = nodes(Script(TextDelta("For 2 ["), TextDelta("2]. Till 7 [1]. [9] [")))
    outcome = await turn.converse(TALK, AT, served(passages=(HOURS, PRICES)))
    assert outcome.state.text == "For 2 [1]. Till 7 [2]. [9] ["
    assert outcome.state.citations == (PRICES.citation, HOURS.citation)
    events = [event async for event in _said(turn.listener)]
    assert "".join(e.text for e in events if isinstance(e, TextSaid)) == outcome.state.text


async def test_what_an_answer_offers_is_remembered_and_told() -> None:
    turn = nodes(Script(TextDelta("Our plain bun goes well with that.")))
    outcome = await turn.converse(TALK, AT, served(suggestions=(BUN,)))
    assert outcome.state.recommendations == (
        Recommendation("rec_1", RecommendationKind.UPSELL, ("bun",), 0.9),
    )
    serving = outcome.state.dialogue.serving
    assert serving is not None
    assert (serving.offered, serving.recommendation_ids) == (("bun",), ("rec_1",))


def test_what_is_suggested_but_not_said_is_no_offer() -> None:
    assert newly_offered(served(suggestions=(BUN,)), "Anything else?") == ()


def test_nothing_is_cited_or_offered_twice() -> None:
    again = served(passages=(HOURS,), citations=(HOURS.citation,), suggestions=(BUN,))
    offered = replace(again, dialogue=Dialogue(serving=replace(SERVING, offered=("bun",))))
    assert newly_cited(again, "Till 7 [1].") == ()
    assert newly_offered(offered, "A plain bun?") == ()


@pytest.mark.parametrize("text", ["[0]", "[2]", "[999]", "[-1]", "[x]", "1"])
def test_marks_that_point_nowhere_cite_nothing(text: str) -> None:
    assert newly_cited(served(passages=(HOURS,)), text) == ()


def test_only_the_newest_recommendations_are_remembered() -> None:
    state = served()
    for number in range(MOST_REMEMBERED + 5):
        made = Recommendation(f"rec_{number}", RecommendationKind.ANSWER)
        state = state.recommended(made)
    serving = state.dialogue.serving
    assert serving is not None
    assert len(serving.recommendation_ids) == MOST_REMEMBERED
    assert serving.recommendation_ids[-1] == f"rec_{MOST_REMEMBERED + 4}"


def test_who_serves_and_what_was_found_survive_storage() -> None:
    serving = Serving("seller", "dec_1", 0.25, {"host": False}, ("bun",), ("rec_1",))
    state = Progress(
        served().cart,
        Dialogue(serving=serving),
        served().usage,
        messages=(Message(MessageRole.ASSISTANT, "Till 7 [1]."),),
        passages=(HOURS, PRICES),
        suggestions=(BUN,),
        citations=(HOURS.citation,),
        recommendations=(Recommendation("rec_1", RecommendationKind.UPSELL, ("bun",), 0.9),),
    )
    checkpoint = Checkpoint(Position("serve", 3), state)
    stored = json.loads(json.dumps(checkpoint_to_json(checkpoint)))
    assert checkpoint_from_json(stored) == checkpoint


def test_a_checkpoint_of_before_there_was_a_choice_is_read() -> None:
    stored = checkpoint_to_json(Checkpoint(Position("serve", 3), progress()))
    for name in ("passages", "suggestions", "citations", "recommendations"):
        del stored[name]
    del stored["dialogue"]["serving"]
    assert checkpoint_from_json(stored).progress == progress()


async def _said(listener: Listener) -> Any:
    await listener.end()
    async for event in listener.events():
        yield event
