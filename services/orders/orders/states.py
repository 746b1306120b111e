"""Where an order may stand, and which moves are allowed to whom."""

from collections.abc import Mapping
from enum import StrEnum


class OrderState(StrEnum):
    """Where an order stands, in the words of events and of the table."""

    PLACED = "placed"
    ACCEPTED = "accepted"
    PREPARING = "preparing"
    READY = "ready"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


NEXT: Mapping[OrderState, frozenset[OrderState]] = {
    OrderState.PLACED: frozenset({OrderState.ACCEPTED, OrderState.CANCELLED}),
    OrderState.ACCEPTED: frozenset({OrderState.PREPARING, OrderState.CANCELLED}),
    OrderState.PREPARING: frozenset({OrderState.READY, OrderState.CANCELLED}),
    OrderState.READY: frozenset({OrderState.COMPLETED}),
    OrderState.COMPLETED: frozenset(),
    OrderState.CANCELLED: frozenset(),
}


def may_move(start: OrderState, end: OrderState) -> bool:
    """Whether staff may move an order so."""
    return end in NEXT[start]


def guest_may_ask(end: OrderState) -> bool:
    """Whether this move is ever a guest's to make."""
    return end is OrderState.CANCELLED


def guest_may_move(start: OrderState, end: OrderState) -> bool:
    """Whether guests may move an order of their own so: cancel it before it is accepted."""
    return guest_may_ask(end) and start is OrderState.PLACED
