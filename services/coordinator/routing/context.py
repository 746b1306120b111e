"""What is known when it is decided who serves: ten features, each in [-1, 1]."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

_MOST_TURNS = 20
_LONGEST_MESSAGE = 2000
# A cart worth this many minor units is in the middle between nothing and everything.
_MIDDLING_CART = 2000
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Arrival:
    """The message that is to be served.

    Attributes:
        time: when it came, in the tenant's own time where that is known, else UTC.
        ordinal: its place in the conversation, from 1.
        length: characters.
        sentiment: from -1, unhappy, to 1.
        orders: whether it says something about an order.
        asks: whether it asks something.
        cart_minor: what is in the cart, in minor units.
        came_before: whether the guest was here before.
    """

    time: datetime
    ordinal: int
    length: int
    sentiment: float
    orders: bool
    asks: bool
    cart_minor: int
    came_before: bool


def context_of(arrival: Arrival) -> Mapping[str, float]:
    """The features by name, as policy `serving` knows them."""
    angle = 2 * math.pi * (arrival.time.hour + arrival.time.minute / 60) / 24
    cart = max(arrival.cart_minor, 0)
    return {
        "hour_sin": math.sin(angle),
        "hour_cos": math.cos(angle),
        "weekend": _sign(arrival.time.weekday() >= _SATURDAY),
        "turn_index": _scaled(min(arrival.ordinal - 1, _MOST_TURNS) / _MOST_TURNS),
        "message_length": _scaled(
            math.log1p(min(arrival.length, _LONGEST_MESSAGE)) / math.log1p(_LONGEST_MESSAGE)
        ),
        "sentiment": max(-1.0, min(1.0, arrival.sentiment)),
        "intent_order": _sign(arrival.orders),
        "intent_question": _sign(arrival.asks),
        "cart_value": _scaled(cart / (cart + _MIDDLING_CART)),
        "returning_guest": _sign(arrival.came_before),
    }


def trust_feature(overall: float) -> float:
    """A trust in [0, 1] as a feature in [-1, 1]."""
    return _scaled(overall)


def _sign(holds: bool) -> float:
    return 1.0 if holds else -1.0


def _scaled(share: float) -> float:
    return 2 * share - 1
