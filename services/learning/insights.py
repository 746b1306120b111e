"""What a cycle has to say, in words, with the figures it rests on."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from services.learning.intervals import differ, wilson
from services.learning.patterns import MINIMUM_OUTCOMES
from services.learning.recommendations import Kind
from services.learning.tallies import Counts, Tally, by_agent
from services.learning.trust import AgentTrust, State, TrustPolicy, scores

# Smaller movements of trust or share are not worth a sentence.
_LEAST_MOVE = 0.05
_LEAST_SHARE = 0.1
# An offer that even the upper end of its interval says is accepted less often than this.
_SELDOM = 0.2
_MOST_OFFERS = 5

_WENT_WELL = {
    Kind.SERVE: "its conversations went well",
    Kind.UPSELL: "its upsells were accepted",
    Kind.ANSWER: "its answers were rated well",
}


@dataclass(frozen=True, slots=True)
class Insight:
    """One sentence worth knowing.

    Attributes:
        kind: `trust_fell`, `trust_rose`, `agent_disabled`, `agent_restored`, `share_moved` or
            `offer_declined`.
        text: the sentence.
        agent_id: the agent it is about.
        figures: its figures, by name.
    """

    kind: str
    text: str
    agent_id: str
    figures: Mapping[str, float]


def of_trust(
    before: AgentTrust, after: AgentTrust, fresh: Mapping[Kind, Counts]
) -> Iterator[Insight]:
    """How the trust in an agent moved since the last cycle.

    Args:
        before: the agent before this cycle; `settled` is the trust the last one left.
        after: the agent after it.
        fresh: what came since the last cycle, by kind.
    """
    outcomes = sum(counts.outcomes for counts in fresh.values())
    move = after.settled - before.settled
    if not outcomes or abs(move) < _LEAST_MOVE:
        return
    verb = "rose" if move > 0 else "fell"
    reason = _reason(fresh, is_rise=move > 0)
    figures: dict[str, float] = {
        "before": before.settled,
        "after": after.settled,
        "outcomes": outcomes,
    }
    text = (
        f"Trust in {after.agent_id} {verb} from {before.settled:.2f} to {after.settled:.2f}"
        f" over {_counted(outcomes, 'outcome')}"
    )
    if reason:
        kind, counts = reason
        text += f": {_WENT_WELL[kind]} {_times(counts.successes)} of {counts.outcomes}"
        figures |= {f"{kind}_successes": counts.successes, f"{kind}_outcomes": counts.outcomes}
    yield Insight(f"trust_{verb}", f"{text}.", after.agent_id, figures)


def of_state(before: AgentTrust, after: AgentTrust, policy: TrustPolicy) -> Iterator[Insight]:
    """That a cycle disabled an agent, or let it back."""
    if before.state is after.state:
        return
    overall = scores(after.evidence).overall
    evidence = after.evidence.count
    figures = {"trust": overall, "evidence": evidence, "disabled_below": policy.disabled_below}
    if after.state is State.DISABLED:
        yield Insight(
            "agent_disabled",
            f"{after.agent_id} is disabled: trust {overall:.2f} is below"
            f" {policy.disabled_below:.2f} on {evidence:.0f} outcomes;"
            f" {policy.probe_share:.0%} of choices let it in to prove itself.",
            after.agent_id,
            figures | {"probe_share": policy.probe_share},
        )
    else:
        yield Insight(
            "agent_restored",
            f"{after.agent_id} may be chosen again: trust is {overall:.2f}"
            f" on {evidence:.0f} outcomes.",
            after.agent_id,
            figures,
        )


def of_shares(before: Mapping[str, int], now: Mapping[str, int]) -> Iterator[Insight]:
    """How conversations moved between agents.

    Args:
        before: conversations by agent between the two cycles before this one.
        now: the same since the last cycle.
    """
    totals = sum(before.values()), sum(now.values())
    if min(totals) < MINIMUM_OUTCOMES:
        return
    for agent in sorted({*before, *now}):
        counts = before.get(agent, 0), now.get(agent, 0)
        shares = counts[0] / totals[0], counts[1] / totals[1]
        moved = shares[1] - shares[0]
        if abs(moved) < _LEAST_SHARE or not differ((counts[0], totals[0]), (counts[1], totals[1])):
            continue
        yield Insight(
            "share_moved",
            f"{agent}'s share of conversations {'rose' if moved > 0 else 'fell'}"
            f" from {shares[0]:.0%} ({counts[0]} of {totals[0]})"
            f" to {shares[1]:.0%} ({counts[1]} of {totals[1]}).",
            agent,
            {
                "before": shares[0],
                "after": shares[1],
                "conversations_before": totals[0],
                "conversations": totals[1],
            },
        )


def of_offers(tallies: Iterable[Tally]) -> Iterator[Insight]:
    """The least wanted offers, of those something came of since the last cycle."""
    offers: dict[tuple[str, str], tuple[Counts, Counts]] = {}
    for tally in tallies:
        kind, _, product = tally.subject.partition(":")
        if kind == Kind.UPSELL and product:
            total, fresh = offers.get((tally.agent_id, product), (Counts(), Counts()))
            offers[tally.agent_id, product] = (total + tally.total, fresh + tally.fresh)
    declined = [
        (wilson(total.successes, total.outcomes)[1], agent, product, total)
        for (agent, product), (total, fresh) in offers.items()
        if fresh.outcomes and total.outcomes >= MINIMUM_OUTCOMES
    ]
    for high, agent, product, total in sorted(declined, key=lambda one: one[:3])[:_MOST_OFFERS]:
        if high < _SELDOM:
            yield Insight(
                "offer_declined",
                f"Consider not letting {agent} offer {product}: it was accepted"
                f" {_times(total.successes)} of {total.outcomes}.",
                agent,
                {"successes": total.successes, "outcomes": total.outcomes, "high": high},
            )


def fresh_by_kind(tallies: Iterable[Tally], agent_id: str) -> dict[Kind, Counts]:
    """What came of an agent's work since the last cycle, by kind."""
    known = list(tallies)
    return {kind: by_agent(known, kind).get(agent_id, Counts()) for kind in Kind}


def _reason(fresh: Mapping[Kind, Counts], *, is_rise: bool) -> tuple[Kind, Counts] | None:
    """The kind of work that did best, or worst, of those with outcomes enough to name."""
    enough = [(kind, counts) for kind, counts in fresh.items() if counts.outcomes >= 5]
    if not enough:
        return None
    return sorted(enough, key=lambda one: one[1].successes / one[1].outcomes, reverse=is_rise)[0]


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
