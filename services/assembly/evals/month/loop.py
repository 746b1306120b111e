"""The loop in one process: the coordinator's router, the bandit's and learning's domain code.

Nothing of the loop is rewritten here. Decisions are ranked by `services.bandit.ranking`, rewards
and ends of windows go through `services.bandit.ledger` in their order, outcomes through
`services.learning.trust`, and `services.coordinator.routing` asks both. What is left out is what
carries them: RPCs, events and tables, which have tests of their own.
"""

import heapq
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from uuid import UUID

from services.assembly.evals.month.guests import AGENTS, Outcome, Visit
from services.bandit.credit import CART_ABANDONED, ORDER, ORDER_PLACED, RATING, SESSION
from services.bandit.ledger import Account, Discount, Ledger, Observation, RewardRow
from services.bandit.linucb import LinUcb
from services.bandit.policy import PolicySettings
from services.bandit.ranking import rank
from services.coordinator.feedback.credit import reward_of
from services.coordinator.routing.context import context_of, trust_feature
from services.coordinator.routing.ports import Arm, Choice, Question, Standing
from services.coordinator.routing.router import coin
from services.learning.evidence import observed
from services.learning.facts import Fact, Left, Ordered, Rated, Subject
from services.learning.recommendations import Kind, Recommendation, prevails
from services.learning.trust import (
    AgentTrust,
    State,
    TrustPolicy,
    learned,
    scores,
    settled,
    unknown,
)

CYCLE_AT = time(2)


def rewards_of(outcome: Outcome) -> dict[str, float]:
    """What an outcome is worth, by source."""
    found = {}
    if outcome.ordered:
        found[ORDER] = ORDER_PLACED
    if outcome.left_cart:
        found[SESSION] = CART_ABANDONED
    if outcome.stars:
        found[RATING] = reward_of(outcome.stars)
    return found


@dataclass(slots=True)
class Bandit:
    """The bandit's side: a policy, its statistics, and rewards on their way."""

    settings: PolicySettings
    start: datetime
    chance: random.Random
    now: datetime = field(init=False)
    accounts: dict[UUID, Account] = field(default_factory=dict)
    ledger: Ledger = field(init=False)
    _model: LinUcb | None = None
    _due: list[tuple[datetime, int, RewardRow]] = field(default_factory=list)
    _rows: int = 0

    def __post_init__(self) -> None:
        self.now = self.start
        discount = Discount(self.start, self.settings.half_life)
        self.ledger = Ledger(discount, self.settings.dimension, {}, self.accounts)

    def advance(self, now: datetime) -> None:
        """Lets time pass: applies the rows that are due, in their order."""
        self.now = now
        while self._due and self._due[0][0] <= now:
            if self.ledger.apply(heapq.heappop(self._due)[2]):
                self._model = None

    def rank(self, question: Question) -> Choice:
        """The choice, drawn as the service draws it."""
        arms = {arm.arm_id: {"trust": arm.trust} for arm in question.arms}
        ranking = rank(
            self.settings,
            self._current(),
            question.context,
            arms,
            tuple(question.excluded),
            self.chance.random(),
        )
        decision_id, chosen = UUID(int=len(self.accounts) + 1), list(arms)[ranking.chosen]
        window = self.settings.reward_window
        self.accounts[decision_id] = Account(
            Observation(decision_id, chosen, ranking.vector, self.now, self.now + window)
        )
        self._later(RewardRow(decision_id, None, self.settings.default_reward, self.now + window))
        return Choice(decision_id.hex, chosen, ranking.probabilities[ranking.chosen])

    def report(self, decision_id: str, source: str, value: float, moment: datetime) -> None:
        """Reports what a decision was worth, at some later time."""
        self._later(RewardRow(UUID(decision_id), source, value, moment))

    def _later(self, row: RewardRow) -> None:
        self._rows += 1
        heapq.heappush(self._due, (row.report_time, self._rows, row))

    def _current(self) -> LinUcb:
        if self._model is None:
            discount = Discount(self.start, self.settings.half_life)
            self._model = LinUcb(
                self.settings.dimension,
                self.settings.ridge,
                self.ledger.arms,
                discount.present(self.now),
            )
        return self._model


@dataclass(slots=True)
class Learning:
    """Learning's side: the trust in each agent, settled by a cycle every night."""

    policy: TrustPolicy
    start: datetime
    trusts: dict[str, AgentTrust] = field(init=False)
    _next_cycle: datetime = field(init=False)
    _due: list[tuple[datetime, int, Fact, Recommendation]] = field(default_factory=list)
    _last: dict[UUID, Recommendation] = field(default_factory=dict)
    _facts: int = 0

    def __post_init__(self) -> None:
        self.trusts = {agent: unknown(agent, self.start) for agent in AGENTS}
        self._next_cycle = datetime.combine(self.start.date(), CYCLE_AT, self.start.tzinfo)

    def advance(self, now: datetime) -> None:
        """Lets time pass: takes in what is due, and runs the cycles between."""
        while self._due and self._due[0][0] <= now:
            moment, _, fact, recommendation = heapq.heappop(self._due)
            self._settle(moment)
            self._take(fact, recommendation, moment)
        self._settle(now)

    def standings(self) -> Mapping[str, Standing]:
        """The standing of each agent."""
        return {
            agent: Standing(
                scores(trust.evidence).overall,
                trust.state is State.DISABLED,
                self.policy.probe_share,
            )
            for agent, trust in self.trusts.items()
        }

    def hear(self, facts: list[Fact], recommendation: Recommendation) -> None:
        """Will be told these facts of something recommended, each at its time."""
        self._last[recommendation.recommendation_id] = recommendation
        for fact in facts:
            self._facts += 1
            heapq.heappush(self._due, (fact.time, self._facts, fact, recommendation))

    def _settle(self, now: datetime) -> None:
        while self._next_cycle <= now:
            for agent, trust in self.trusts.items():
                self.trusts[agent] = settled(trust, self.policy, self._next_cycle)
            self._next_cycle += timedelta(days=1)

    def _take(self, fact: Fact, recommendation: Recommendation, now: datetime) -> None:
        before = self._last[recommendation.recommendation_id]
        outcome = fact.says_of(before)
        if not prevails(before, outcome):
            return
        after = replace(before, outcome=outcome)
        self._last[before.recommendation_id] = after
        timely = self.policy.timely
        self.trusts[before.agent_id] = learned(
            self.trusts[before.agent_id],
            given=[one for one in (observed(after, timely),) if one],
            taken=[one for one in (observed(before, timely),) if one],
            policy=self.policy,
            now=now,
        )


@dataclass(slots=True)
class Loop:
    """All of it, on one clock."""

    bandit: Bandit
    learning: Learning

    @classmethod
    def begin(cls, settings: PolicySettings, start: datetime, seed: int) -> "Loop":
        """A loop that knows nothing yet."""
        bandit = Bandit(settings, start, random.Random(seed))  # noqa: S311 - no secret
        return cls(bandit, Learning(TrustPolicy(), start))

    def choose(self, visit: Visit) -> tuple[str, str]:
        """Who serves a guest, and by which decision."""
        arrival, key = visit.arrival, f"visit-{visit.number}"
        self.bandit.advance(arrival.time)
        self.learning.advance(arrival.time)
        standings = self.learning.standings()
        out = {
            agent
            for agent, standing in standings.items()
            if standing.disabled and coin(key, agent) >= standing.probe_share
        }
        arms = [Arm(agent, trust_feature(one.overall)) for agent, one in standings.items()]
        choice = self.bandit.rank(Question(key, "", context_of(arrival), arms, frozenset(out)))
        return choice.arm_id, choice.decision_id

    def tell(self, visit: Visit, agent: str, decision_id: str, outcome: Outcome) -> None:
        """What came of it will arrive: the order and the cart soon, the rating when it is given."""
        soon = visit.arrival.time + timedelta(minutes=2)
        moments = {RATING: visit.arrival.time + outcome.delay}
        for source, value in rewards_of(outcome).items():
            self.bandit.report(decision_id, source, value, moments.get(source, soon))
        subject = Subject(decision_id, "")
        facts: list[Fact] = []
        if outcome.ordered:
            facts.append(Ordered(subject, frozenset(), soon))
        if outcome.left_cart:
            facts.append(Left(subject, soon))
        if outcome.stars:
            facts.append(Rated(subject, outcome.stars, moments[RATING]))
        served = Recommendation(
            UUID(decision_id), agent, Kind.SERVE, (), 1.0, "", decision_id, visit.arrival.time
        )
        self.learning.hear(facts, served)
