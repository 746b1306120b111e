"""Disjoint linear models with upper confidence bounds.

L. Li, W. Chu, J. Langford, R. E. Schapire: A contextual-bandit approach to personalized news
article recommendation (2010), algorithm 1. Every arm has a ridge regression of its own; the inverse
of its matrix is kept, and follows an observation by the formula of Sherman and Morrison.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.bandit.policy import FloatArray


@dataclass(slots=True)
class ArmStatistics:
    """What was observed of an arm, without the ridge.

    Attributes:
        a: sum of w x xᵀ over observations, (dimension, dimension).
        b: sum of w r x, (dimension,).
        learned: how many observations.
        reward_sum: the sum of their rewards r, each in [-1, 1], none discounted.
    """

    a: FloatArray
    b: FloatArray
    learned: int = 0
    reward_sum: float = 0.0

    @classmethod
    def empty(cls, dimension: int) -> "ArmStatistics":
        """Of an arm nothing is known of."""
        return cls(np.zeros((dimension, dimension)), np.zeros(dimension))

    def scaled(self, weight: float) -> "ArmStatistics":
        """The same observations, each counting `weight` of what it did."""
        return ArmStatistics(weight * self.a, weight * self.b, self.learned, self.reward_sum)


class LinUcb:
    """The models of some arms; one not among them has the prior: no estimate, all uncertainty.

    Of d features an arm keeps d + 1 rows of d: the inverse of its matrix and, last, its estimate,
    so that one product with a vector gives both.
    """

    def __init__(
        self,
        dimension: int,
        ridge: float,
        arms: Mapping[str, ArmStatistics],
        weight: float = 1.0,
    ) -> None:
        """The models of what was observed.

        Args:
            dimension: length of vectors.
            ridge: added to the diagonal.
            arms: statistics by arm.
            weight: what all observations count now, in (0, 1]; it leaves the ridge alone.
        """
        self._rows = {arm_id: row for row, arm_id in enumerate(arms)}
        self._asked: tuple[tuple[str, ...], slice | NDArray[np.intp]] = ((), slice(0, 0))
        prior = np.zeros((1, dimension + 1, dimension))
        prior[0, :dimension] = np.eye(dimension) / ridge
        self._prior = prior
        self._models = np.concatenate([np.empty((len(arms), dimension + 1, dimension)), prior])
        if arms:
            a = np.stack([arm.a for arm in arms.values()])
            b = np.stack([arm.b for arm in arms.values()])
            inverse = np.linalg.inv(ridge * np.eye(dimension) + weight * a)
            self._models[:-1, :dimension] = inverse
            self._models[:-1, dimension] = np.matmul(inverse, weight * b[:, :, None])[:, :, 0]

    def upper_bounds(self, arm_ids: Sequence[str], vectors: FloatArray, alpha: float) -> FloatArray:
        """The upper confidence bound of each arm: xᵀθ + alpha √(xᵀA⁻¹x).

        Args:
            arm_ids: the arms, in any order.
            vectors: their x, (arms, dimension).
            alpha: width of the bound.

        Returns:
            (arms,), in the order asked for.
        """
        products = np.matmul(self._models[self._rows_of(tuple(arm_ids))], vectors[:, :, None])
        variances = np.matmul(vectors[:, None, :], products[:, :-1])[:, 0, 0]
        # Below 0 only by rounding.
        bounds: FloatArray = products[:, -1, 0] + alpha * np.sqrt(np.abs(variances))
        return bounds

    def learn(self, arm_id: str, vector: FloatArray, reward: float) -> None:
        """Takes an observation of an arm in: x, (dimension,), and r in [-1, 1]."""
        row = self._rows.get(arm_id)
        if row is None:
            row = self._rows[arm_id] = len(self._rows)
            self._asked = ((), slice(0, 0))
            self._models = np.concatenate([self._models, self._prior])
        model = self._models[row]
        product = model @ vector
        direction = product[:-1]
        gain = direction / (1.0 + direction @ vector)
        model[:-1] -= np.multiply.outer(gain, direction)
        model[-1] += gain * (reward - product[-1])

    def _rows_of(self, arm_ids: tuple[str, ...]) -> "slice | NDArray[np.intp]":
        """Where the models of these arms are; mostly the same arms are asked for again."""
        asked, rows = self._asked
        if asked != arm_ids:
            unknown = len(self._rows)
            found = [self._rows.get(arm_id, unknown) for arm_id in arm_ids]
            in_place = found == [*range(len(found))]
            rows = slice(0, len(found)) if in_place else np.array(found, np.intp)
            self._asked = (arm_ids, rows)
        return rows
