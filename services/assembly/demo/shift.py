"""How who serves shifted in a loop, and whether it did."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.assembly.demo.books import Account, Decision, agent_of

# The most that may be left of the share of the agent that turned bad, and by how much share and
# trust have to have fallen at least.
SHARE_LEFT = 3 / 4
SHARE_FALL = 0.15
TRUST_FALL = 0.05


@dataclass(frozen=True, slots=True)
class Work:
    """An agent's part in some conversations: its share in [0, 1] and its mean reward, if any."""

    share: float
    reward: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """An agent before and after: its work in the first half and in the last quarter, its trust."""

    agent_id: str
    first: Work
    last: Work
    before: Mapping[str, Any]
    after: Mapping[str, Any]


def rows(account: Account) -> list[Row]:
    """The agents, by name."""
    visits = sorted(account.visits, key=lambda visit: visit.number)
    decided = [account.decisions.get(visit.decision_id) for visit in visits]
    first = [one for one in decided[: len(decided) // 2] if one]
    last = [one for one in decided[len(decided) * 3 // 4 :] if one]
    return [
        Row(
            agent_id=agent_id,
            first=_work(first, agent_id),
            last=_work(last, agent_id),
            before=account.half.trusts[agent_id],
            after=account.end.trusts[agent_id],
        )
        for agent_id in sorted(account.end.trusts)
    ]


def shift_problems(account: Account, spoilt: str) -> Iterator[str]:
    """What did not come as it has to when an agent turns bad; nothing after a good loop."""
    row = next((one for one in rows(account) if one.agent_id == spoilt), None)
    if row is None:
        yield f"nothing is known of {spoilt}"
        return
    first, last = row.first.share, row.last.share
    if last > SHARE_LEFT * first or first - last < SHARE_FALL:
        yield f"{spoilt} turned bad, but its share went from {first:.0%} to {last:.0%}"
    before, after = row.before["overall"], row.after["overall"]
    if before - after < TRUST_FALL:
        yield f"{spoilt} turned bad, but the trust in it went from {before:.2f} to {after:.2f}"
    told = {(one["kind"], one["agent_id"]) for one in account.end.insights}
    if ("trust_fell", spoilt) not in told:
        yield f"no insight of the last cycle says that trust in {spoilt} fell"


def _work(decisions: Sequence[Decision], agent_id: str) -> Work:
    own = [one for one in decisions if agent_of(one) == agent_id]
    rewards = [one["reward"] for one in own if one["rewards"]]
    return Work(
        share=len(own) / len(decisions) if decisions else 0.0,
        reward=sum(rewards) / len(rewards) if rewards else None,
    )
