"""A cycle says what moved, with the figures, and nothing that figures do not bear out."""

from dataclasses import replace

import pytest

from services.learning.cycles import Findings, Known, run
from services.learning.tallies import Tally
from services.learning.trust import AgentTrust, State
from tests.unit.learning.doings import NOON, POLICY, agent, tally


def cycle(
    *agents: AgentTrust, tallies: list[Tally] | None = None, served: dict[str, int] | None = None
) -> Findings:
    return run(Known(agents, tallies or [], served or {}), POLICY, NOON)


def texts(findings: Findings) -> list[str]:
    return [insight.text for insight in findings.insights]


def test_trust_that_fell_is_told_with_what_it_fell_by() -> None:
    known = replace(agent("seller", *[0.0] * 28, *[1.0] * 13), settled=0.71)
    found = cycle(
        known, tallies=[tally("seller", "upsell", 30, 2), tally("seller", "serve", 11, 11)]
    )
    (insight,) = found.insights
    now = found.settled[0][1].settled
    assert insight.text == (
        f"Trust in seller fell from 0.71 to {now:.2f} over 41 outcomes:"
        " its upsells were accepted 2 times of 30."
    )
    assert insight.kind == "trust_fell"
    assert insight.agent_id == "seller"
    assert insight.figures == pytest.approx(
        {"before": 0.71, "after": now, "outcomes": 41, "upsell_successes": 2, "upsell_outcomes": 30}
    )


def test_trust_that_rose_is_told_with_what_went_best() -> None:
    tallies = [tally("guide", "answer", 20, 19), tally("guide", "serve", 20, 12)]
    (text,) = texts(cycle(agent("guide", *[1.0] * 31, *[0.0] * 9), tallies=tallies))
    assert text.startswith("Trust in guide rose from 0.50 to ")
    assert text.endswith(" over 40 outcomes: its answers were rated well 19 times of 20.")


def test_trust_that_only_faded_says_nothing() -> None:
    assert texts(cycle(replace(agent("host"), settled=0.9))) == []


def test_an_agent_that_is_disabled_is_told_of() -> None:
    found = cycle(agent("seller", *[0.0] * 30))
    (insight,) = found.insights
    assert insight.kind == "agent_disabled"
    assert "below 0.30 on 30 outcomes; 5% of choices" in insight.text
    assert found.settled[0][1].state is State.DISABLED
    assert found.changed == 1


def test_an_agent_that_returns_is_told_of() -> None:
    back = replace(agent("seller", *[1.0] * 30), verdict=State.DISABLED, settled=0.9)
    assert [one.kind for one in cycle(back).insights] == ["agent_restored"]


def test_a_manager_s_word_is_not_the_cycles() -> None:
    held = replace(agent("seller", *[0.0] * 30), override=State.ACTIVE)
    assert texts(cycle(held)) == []


def test_conversations_that_move_between_agents_are_told_of() -> None:
    now = [tally("host", "serve", 0, 0, made=45), tally("seller", "serve", 0, 0, made=12)]
    found = cycle(tallies=now, served={"host": 54, "seller": 50})
    assert found.served == {"host": 45, "seller": 12}
    assert texts(found) == [
        "host's share of conversations rose from 52% (54 of 104) to 79% (45 of 57).",
        "seller's share of conversations fell from 48% (50 of 104) to 21% (12 of 57).",
    ]


@pytest.mark.parametrize("now", [{"host": 9}, {"host": 30, "seller": 27}])
def test_few_conversations_or_small_moves_are_not(now: dict[str, int]) -> None:
    tallies = [tally(name, "serve", 0, 0, made=made) for name, made in now.items()]
    assert texts(cycle(tallies=tallies, served={"host": 54, "seller": 50})) == []


def test_a_cycle_without_conversations_leaves_the_last_ones_to_compare_with() -> None:
    assert cycle(served={"host": 54}).served == {"host": 54}


def test_an_offer_nobody_wants_is_to_be_considered() -> None:
    tallies = [tally("seller", "upsell:anchovy", 25, 1), tally("seller", "upsell:muffin", 25, 9)]
    assert texts(cycle(tallies=tallies)) == [
        "Consider not letting seller offer anchovy: it was accepted once of 25."
    ]


def test_one_that_may_be_wanted_is_not() -> None:
    assert texts(cycle(tallies=[tally("seller", "upsell:anchovy", 9, 0)])) == []


def test_a_cycle_counts_each_recommendation_once() -> None:
    tallies = [
        tally("seller", "upsell", 8, 2, made=10),
        tally("seller", "upsell:muffin", 8, 2, made=10),
        tally("host", "serve", 3, 3, made=5),
    ]
    counts = cycle(tallies=tallies).counts
    assert (counts.recommendations, counts.outcomes) == (15, 11)


def test_what_does_not_move_is_not_counted_as_changed() -> None:
    assert cycle(agent("host")).changed == 0
