"""From scores to a choice: probabilities that are true, and a draw from them."""

from collections.abc import Sequence

# Scores this close, relative to the best, are equal: sums in another order differ by less.
_TIE = 1e-12


def uniform(eligible: Sequence[bool]) -> list[float]:
    """Equal probabilities of the eligible arms; 0 for the others."""
    share = 1.0 / sum(eligible)
    return [share if one else 0.0 for one in eligible]


def best_with_floor(scores: Sequence[float], eligible: Sequence[bool], floor: float) -> list[float]:
    """The best eligible arm, with a share of chance for all of them.

    Args:
        scores: of each arm.
        eligible: which arms may be chosen; at least one.
        floor: share of choices spread evenly over the eligible arms, in [0, 1]; the rest is spread
            evenly over those with the highest score.

    Returns:
        The probability of each arm; they sum to 1.
    """
    best = max(score for score, one in zip(scores, eligible, strict=True) if one)
    least = best - _TIE * max(1.0, abs(best))
    winners = [one and score >= least for score, one in zip(scores, eligible, strict=True)]
    chance = floor / sum(eligible)
    won = (1.0 - floor) / sum(winners) + chance
    return [
        won if winner else chance if one else 0.0
        for winner, one in zip(winners, eligible, strict=True)
    ]


def draw(probabilities: Sequence[float], chance: float) -> int:
    """The index a number uniform in [0, 1) falls on; never one of probability 0."""
    passed = 0.0
    last = 0
    for index, probability in enumerate(probabilities):
        if probability > 0.0:
            passed += probability
            last = index
            if chance < passed:
                return index
    # The sum may fall short of 1 by rounding.
    return last
