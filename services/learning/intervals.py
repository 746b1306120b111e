"""Intervals that hold 90 % of what is believed, in closed form."""

from math import exp, log, sqrt

# The 95th percentile of the standard normal distribution: 90 % lie between it and its negative.
Z = 1.6448536269514722


def wilson(successes: float, trials: float) -> tuple[float, float]:
    """The 90 % score interval of a share (Wilson 1927); (0, 1) without trials."""
    if trials <= 0:
        return 0.0, 1.0
    share = successes / trials
    square = Z * Z
    centre = share + square / (2 * trials)
    half = Z * sqrt(share * (1 - share) / trials + square / (4 * trials * trials))
    scale = 1 + square / trials
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def differ(first: tuple[int, int], second: tuple[int, int]) -> bool:
    """Whether two shares, each (successes, trials), differ: the two-sided z test at 10 %."""
    trials = first[1], second[1]
    if not all(trials):
        return False
    pooled = (first[0] + second[0]) / sum(trials)
    deviation = sqrt(pooled * (1 - pooled) * (1 / trials[0] + 1 / trials[1]))
    return abs(first[0] / trials[0] - second[0] / trials[1]) > Z * deviation


def logit_normal(mean: float, deviation: float) -> tuple[float, float]:
    """A 90 % interval around a mean in (0, 1), itself within (0, 1).

    The normal approximation on the logit scale, where the deviation becomes
    `deviation / (mean (1 − mean))` (delta method: Agresti, Categorical Data Analysis, §3.1).
    """
    at = log(mean / (1 - mean))
    half = Z * deviation / (mean * (1 - mean))
    return _logistic(at - half), _logistic(at + half)


def _logistic(value: float) -> float:
    if value < 0:
        return exp(value) / (1 + exp(value))
    return 1 / (1 + exp(-value))
