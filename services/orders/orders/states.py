"""Where an order may stand, and which moves are allowed to whom."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum


class OrderState(StrEnum):
    """Where an order stands, in the words of events and of the table."""

    PLACED = "placed"
    ACCEPTED = "accepted"
    PREPARING = "preparing"
    READY = "ready"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


class Actor(StrEnum):
    """As what somebody acts, the one who may do most first."""

    ADMIN = "admin"
    MANAGER = "manager"
    SERVICE = "service"
    STAFF = "staff"
    GUEST = "guest"


_MANAGERS = frozenset({Actor.ADMIN, Actor.MANAGER})
_STAFF = _MANAGERS | {Actor.SERVICE, Actor.STAFF}
_ANYONE = _STAFF | {Actor.GUEST}

TRANSITIONS: Mapping[tuple[OrderState, OrderState], frozenset[Actor]] = {
    (OrderState.PLACED, OrderState.ACCEPTED): _STAFF,
    (OrderState.ACCEPTED, OrderState.PREPARING): _STAFF,
    (OrderState.PREPARING, OrderState.READY): _STAFF,
    (OrderState.READY, OrderState.COMPLETED): _STAFF,
    # A guest's also has to be in time: `is_in_time`.
    (OrderState.PLACED, OrderState.CANCELLED): _ANYONE,
    (OrderState.ACCEPTED, OrderState.CANCELLED): _STAFF,
    (OrderState.PREPARING, OrderState.CANCELLED): _STAFF,
    (OrderState.READY, OrderState.CANCELLED): _MANAGERS,
    (OrderState.COMPLETED, OrderState.REFUNDED): _MANAGERS,
    (OrderState.CANCELLED, OrderState.REFUNDED): _MANAGERS,
}
# Nobody has begun to make it: what was taken off the stock can be sold again.
NOT_BEGUN = frozenset({OrderState.PLACED, OrderState.ACCEPTED})


def who_may(start: OrderState, end: OrderState) -> frozenset[Actor]:
    """Who may move an order so; nobody where orders do not move so."""
    return TRANSITIONS.get((start, end), frozenset())


def who_ever_may(end: OrderState) -> frozenset[Actor]:
    """Who may move an order there from somewhere."""
    return frozenset().union(*(may for (_, to), may in TRANSITIONS.items() if to is end))


def is_in_time(actor: Actor, end: OrderState, cancel_expire: datetime, now: datetime) -> bool:
    """Whether it is not too late: guests cancel before `cancel_expire`, others whenever."""
    return not (actor is Actor.GUEST and end is OrderState.CANCELLED and now >= cancel_expire)


def allowed(
    actor: Actor, start: OrderState, cancel_expire: datetime, now: datetime
) -> tuple[OrderState, ...]:
    """Where somebody may move an order from here now, the way on first."""
    return tuple(
        end
        for (begin, end), may in TRANSITIONS.items()
        if begin is start and actor in may and is_in_time(actor, end, cancel_expire, now)
    )


def puts_back(start: OrderState, end: OrderState) -> bool:
    """Whether what a move gives up was not begun, so that it can be sold again."""
    return end is OrderState.CANCELLED and start in NOT_BEGUN
