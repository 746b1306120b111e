"""What events are worth to the decision behind them, and how rewards of a decision add up."""

import math
from collections.abc import Iterable

RATING = "rating"
ORDER = "order"
SESSION = "session"

ORDER_PLACED = 0.25
CART_ABANDONED = -0.25


def contribution(rewards: Iterable[float]) -> float:
    """What the sources of a decision contribute together: their sum, clipped to [-1, 1]."""
    return max(-1.0, min(1.0, math.fsum(rewards)))
