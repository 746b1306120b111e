"""The order in which rewards are learned, and what comes of it.

Rewards and the ends of windows are rows in one order. Applied one after another they make the
statistics: whoever replays the rows gets the same. A decision enters its arm's matrix once, when it
is first learned; afterwards only the difference of its contribution enters the vector. A decision
counts by when it was made, so a row that comes late changes no weight.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np

from services.bandit.credit import contribution
from services.bandit.linucb import ArmStatistics
from services.bandit.policy import FloatArray

# Weights are doubled with every half-life since the base; far from the end of their range.
_REBASE_AFTER = 64


@dataclass(frozen=True, slots=True)
class Discount:
    """Weights of observations, relative to those made at `base`."""

    base: datetime
    half_life: timedelta | None

    def weight(self, moment: datetime) -> float:
        """What an observation made at `moment` counts in sums kept relative to the base."""
        if self.half_life is None:
            return 1.0
        return float(2.0 ** ((moment - self.base) / self.half_life))

    def present(self, now: datetime) -> float:
        """What sums kept relative to the base count now."""
        if self.half_life is None:
            return 1.0
        # Not one over the weight, which the distant past would overflow.
        return float(2.0 ** ((self.base - now) / self.half_life))

    def rebased(self, now: datetime) -> "Discount":
        """The same, relative to now."""
        return Discount(now, self.half_life)

    def needs_rebase(self, now: datetime) -> bool:
        """Whether the base is so long ago that weights grow large."""
        return self.half_life is not None and (now - self.base) / self.half_life > _REBASE_AFTER


@dataclass(frozen=True, slots=True)
class Observation:
    """A decision as learning sees it.

    Attributes:
        decision_id: the decision.
        arm_id: the arm chosen.
        vector: its x, (dimension,).
        create_time: when it was made.
        expire_time: when its window ends.
        is_current: false if it was made with features the policy no longer has.
    """

    decision_id: UUID
    arm_id: str
    vector: FloatArray
    create_time: datetime
    expire_time: datetime
    is_current: bool = True


@dataclass(slots=True)
class Account:
    """Where a decision stands: the newest learned value of each source, what they contribute."""

    observation: Observation
    values: dict[str, float] = field(default_factory=dict)
    reward: float | None = None
    is_expired: bool = False


@dataclass(frozen=True, slots=True)
class RewardRow:
    """A row of the order: a source's value, or without a source the end of a window.

    `value` is in [-1, 1]; at the end of a window it is the policy's default at that time.
    """

    decision_id: UUID
    source: str | None
    value: float
    report_time: datetime


class Ledger:
    """Accounts of one policy's decisions and the statistics of its arms, as rows are applied."""

    def __init__(
        self,
        discount: Discount,
        dimension: int,
        arms: Mapping[str, ArmStatistics],
        accounts: Mapping[UUID, Account],
    ) -> None:
        """Begins with what is known; arms and accounts are changed in place."""
        self.arms = dict(arms)
        self.accounts = accounts
        self._discount = discount
        self._dimension = dimension

    def apply(self, row: RewardRow) -> bool:
        """Applies the next row; whether anything was learned of it.

        A report is learned if it was made inside the window and comes before its end; the end
        itself if nothing was learned before it.
        """
        account = self.accounts[row.decision_id]
        if row.source is None:
            account.is_expired = True
            if account.reward is not None or not account.observation.is_current:
                return False
            self._learn(account, row.value)
            return True
        observation = account.observation
        is_late = account.is_expired or row.report_time > observation.expire_time
        if is_late or not observation.is_current:
            return False
        account.values[row.source] = row.value
        self._learn(account, contribution(account.values.values()))
        return True

    def restate(self, observation: Observation, reward: float) -> None:
        """Takes in a decision of which it is known what it contributed in the end."""
        self._learn(Account(observation), reward)

    def _learn(self, account: Account, reward: float) -> None:
        observation = account.observation
        arm = self.arms.get(observation.arm_id)
        if arm is None:
            arm = self.arms[observation.arm_id] = ArmStatistics.empty(self._dimension)
        vector = observation.vector
        weighted = self._discount.weight(observation.create_time) * vector
        if account.reward is None:
            arm.a += np.multiply.outer(weighted, vector)
            arm.learned += 1
        difference = reward - (account.reward or 0.0)
        arm.b += difference * weighted
        arm.reward_sum += difference
        account.reward = reward


def replay(
    observations: Iterable[Observation],
    rows: Iterable[RewardRow],
    discount: Discount,
    dimension: int,
) -> dict[str, ArmStatistics]:
    """The statistics of each arm that these rows make, applied one after another in their order."""
    accounts = {one.decision_id: Account(one) for one in observations}
    ledger = Ledger(discount, dimension, {}, accounts)
    for row in rows:
        ledger.apply(row)
    return ledger.arms


def difference(found: Mapping[str, ArmStatistics], expected: Mapping[str, ArmStatistics]) -> float:
    """The largest difference between statistics, relative to the largest number expected of an arm.

    Arms or counts of observations that differ are an infinite difference.
    """
    if {arm: one.learned for arm, one in found.items()} != {
        arm: one.learned for arm, one in expected.items()
    }:
        return float("inf")
    worst = 0.0
    for arm_id, wanted in expected.items():
        pairs = (
            (found[arm_id].a, wanted.a),
            (found[arm_id].b, wanted.b),
            (np.array(found[arm_id].reward_sum), np.array(wanted.reward_sum)),
        )
        # Rewards cancel each other out, their number does not: it is the scale of all the sums.
        scale = float(np.abs(wanted.a).max()) or 1.0
        worst = max(worst, *(float(np.abs(one - other).max()) / scale for one, other in pairs))
    return worst
