"""The books of the demo's loop: five accounts of the same ratings, which have to agree.

Guests know what they gave, the log of decisions what it rewarded, `GET /decisions/{id}` one at a
time, the event stream what it told, and learning what it took each conversation to be worth.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.assembly.demo.talk import Talk

Decision = Mapping[str, Any]
ORDER_PLACED = 0.25
_CLOSE = 1e-9


@dataclass(slots=True)
class LoopVisit:
    """What came of a guest.

    Attributes:
        talk: their side of the conversation.
        session_id: of the conversation.
        decision_ids: who served by which decision, as the answers said; empty where none was made.
        ratings: what the gateway answered to their ratings, in order.
        refusal: why they were turned away; empty for almost everybody.
    """

    talk: Talk
    session_id: str = ""
    decision_ids: set[str] = field(default_factory=set)
    ratings: list[Mapping[str, Any]] = field(default_factory=list)
    refusal: str = ""

    @property
    def number(self) -> int:
        """Their place in the order in which guests came."""
        return self.talk.guest.number

    @property
    def decision_id(self) -> str:
        """The decision that chose who served them; empty where none did."""
        return max(self.decision_ids, default="")

    @property
    def rewards(self) -> dict[str, float]:
        """What their decision is to be rewarded, by source."""
        return rewards_due([one["rating"] for one in self.ratings], bool(self.talk.order))


@dataclass(frozen=True, slots=True)
class Standing:
    """What a learning cycle found: the trust by agent, the policy, the insights."""

    trusts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)
    insights: Sequence[Mapping[str, Any]] = ()


@dataclass(slots=True)
class Account:
    """All that is known of a loop.

    Attributes:
        visits: of the guests, in any order.
        decisions: the log, by id.
        looked_up: each decision, asked for by itself.
        recommendations: what learning knows.
        feedback: data of the events of ratings, as they came.
        orders: the same of orders.
        repeats: events that came twice.
        half: how things stood before the agent turned bad.
        end: how they stood at the end.
    """

    visits: list[LoopVisit] = field(default_factory=list)
    decisions: dict[str, Decision] = field(default_factory=dict)
    looked_up: dict[str, Decision] = field(default_factory=dict)
    recommendations: Sequence[Mapping[str, Any]] = ()
    feedback: list[Mapping[str, Any]] = field(default_factory=list)
    orders: list[Mapping[str, Any]] = field(default_factory=list)
    repeats: int = 0
    half: Standing = field(default_factory=Standing)
    end: Standing = field(default_factory=Standing)

    @property
    def ratings(self) -> int:
        """How many ratings were given."""
        return sum(len(visit.ratings) for visit in self.visits)

    def problems(self) -> Iterator[str]:
        """What does not agree; nothing after a good loop."""
        yield from visit_problems(self.visits)
        yield from unsettled(self)
        yield from decision_problems(self.decisions.values())
        yield from log_problems(self.decisions, self.looked_up)
        yield from policy_problems(self.decisions.values(), self.end.policy)
        if self.repeats:
            yield f"{self.repeats} events came twice"


def agent_of(decision: Decision) -> str:
    """Who serves by a decision: arms begin with the agent."""
    return str(decision["arm_id"]).partition("@")[0]


def unsettled(account: Account) -> list[str]:
    """What is not in the accounts that follow the guests', or is there wrongly."""
    return [
        *reward_problems(account.visits, account.decisions),
        *event_problems(account.visits, account.feedback, account.orders),
        *learning_problems(account.visits, account.recommendations),
    ]


def visit_problems(visits: Iterable[LoopVisit]) -> Iterator[str]:
    """Guests who did not get what they asked for, or were passed around."""
    for visit in visits:
        who = f"guest {visit.number}"
        if visit.refusal:
            yield f"{who} was turned away: {visit.refusal}"
        elif not visit.talk.is_as_meant:
            yield f"{who} did not get what they asked for: {visit.talk.last_answer}"
        if len(visit.decision_ids) > 1:
            yield f"{who} was served by {len(visit.decision_ids)} decisions in one conversation"


def reward_problems(
    visits: Iterable[LoopVisit], decisions: Mapping[str, Decision]
) -> Iterator[str]:
    """Every rating is one reward, a later one in place of the earlier; so is every order."""
    for visit in visits:
        if not visit.decision_id:
            continue
        decision = decisions.get(visit.decision_id)
        if decision is None:
            yield f"{visit.decision_id} of guest {visit.number} is not in the log"
            continue
        if wrong := wrong_reward(decision, visit.rewards):
            yield wrong


def rewards_due(stars: Sequence[int], is_ordered: bool) -> dict[str, float]:
    """What a decision is to be rewarded, by source: the last stars, an order."""
    found = {}
    if stars:
        found["rating"] = (stars[-1] - 3) / 2
    if is_ordered:
        found["order"] = ORDER_PLACED
    return found


def wrong_reward(decision: Decision, due: Mapping[str, float]) -> str:
    """What is wrong with a decision's rewards; empty for nothing."""
    decision_id, rewards = decision["decision_id"], decision["rewards"]
    found = [(one["source"], one["value"]) for one in rewards]
    if sorted(found) != sorted(due.items()):
        return f"{decision_id} should be rewarded {due}, the log has {found}"
    if not all(one["learned"] for one in rewards):
        return f"{decision_id} has a reward that was not learned"
    if abs(decision["reward"] - max(-1.0, min(1.0, math.fsum(due.values())))) > _CLOSE:
        return f"{decision_id} contributes {decision['reward']} of {due}"
    return ""


def event_problems(
    visits: Iterable[LoopVisit],
    feedback: Iterable[Mapping[str, Any]],
    orders: Iterable[Mapping[str, Any]],
) -> Iterator[str]:
    """The stream told of each rating once, in order, and of each order with its decision."""
    heard: dict[str, list[tuple[str, int]]] = {}
    for one in feedback:
        told = one.get("decision_id", ""), one["rating"]
        heard.setdefault(one["session_id"], []).append(told)
    placed = {
        one["order_id"]: one.get("decision_id", "") for one in orders if one["status"] == "placed"
    }
    for visit in visits:
        given = [(one.get("decision_id", ""), one["rating"]) for one in visit.ratings]
        if (found := heard.get(visit.session_id, [])) != given:
            yield f"guest {visit.number} rated {given}, the event stream told {found}"
        order = visit.talk.order
        if order and placed.get(order["order_id"]) != visit.decision_id:
            yield f"the event stream did not tell {order['order_id']} with its decision"


def learning_problems(
    visits: Iterable[LoopVisit], recommendations: Iterable[Mapping[str, Any]]
) -> Iterator[str]:
    """Learning takes each rated conversation to be worth what its last rating says."""
    outcomes = {
        one["decision_id"]: one.get("outcome")
        for one in recommendations
        if one["kind"] == "serve" and one["outcome_source"] == "rating"
    }
    for visit in visits:
        if visit.ratings and visit.decision_id:
            due = (visit.ratings[-1]["rating"] - 1) / 4
            if outcomes.get(visit.decision_id) != due:
                found = outcomes.get(visit.decision_id)
                yield f"learning takes {visit.decision_id} to be worth {found}, not {due}"


def decision_problems(decisions: Iterable[Decision]) -> Iterator[str]:
    """Probabilities sum to 1, and what was chosen could be."""
    for decision in decisions:
        chances = {arm["arm_id"]: arm["probability"] for arm in decision["arms"]}
        total = math.fsum(chances.values())
        if len(chances) != len(decision["arms"]) or abs(total - 1) > _CLOSE:
            yield f"the probabilities of {decision['decision_id']} sum to {total}"
        if not chances.get(decision["arm_id"]):
            yield f"{decision['decision_id']} chose what could not be chosen"


def log_problems(
    decisions: Mapping[str, Decision], looked_up: Mapping[str, Decision]
) -> Iterator[str]:
    """`GET /decisions/{id}` tells what the log tells."""
    for decision_id in sorted(decisions):
        if looked_up.get(decision_id) != decisions[decision_id]:
            yield f"GET /decisions/{decision_id} does not agree with the log"


def policy_problems(decisions: Iterable[Decision], policy: Mapping[str, Any]) -> Iterator[str]:
    """The policy's statistics are those of the log."""
    known = list(decisions)
    arms = {arm["arm_id"]: arm for arm in policy.get("arms", ())}
    for arm_id, count in Counter(one["arm_id"] for one in known).items():
        rewards = [one["reward"] for one in known if one["arm_id"] == arm_id and one["rewards"]]
        arm = arms.get(arm_id, {"decisions": 0, "learned": 0, "mean_reward": 0.0})
        mean = math.fsum(rewards) / len(rewards) if rewards else 0.0
        if (int(arm["decisions"]), int(arm["learned"])) != (count, len(rewards)):
            yield (
                f"{arm_id} has {count} decisions, {len(rewards)} of them rewarded; its policy"
                f" counts {arm['decisions']} and {arm['learned']}"
            )
        elif abs(arm["mean_reward"] - mean) > _CLOSE:
            yield f"{arm_id} was rewarded {mean:.6f}; its policy says {arm['mean_reward']:.6f}"
