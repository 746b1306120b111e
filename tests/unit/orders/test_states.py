"""How orders may move, and by whom."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise, product

import pytest

from services.orders.orders.states import (
    Actor,
    OrderState,
    allowed,
    is_in_time,
    puts_back,
    who_ever_may,
    who_may,
)

WAY = [
    OrderState.PLACED,
    OrderState.ACCEPTED,
    OrderState.PREPARING,
    OrderState.READY,
    OrderState.COMPLETED,
]
MANAGERS = {Actor.ADMIN, Actor.MANAGER}
STAFF = MANAGERS | {Actor.STAFF, Actor.SERVICE}
END = datetime(2026, 7, 15, 12, 2, tzinfo=UTC)
IN_TIME = END - timedelta(seconds=1)
MOVES = list(product(OrderState, OrderState))


@pytest.mark.parametrize(("start", "end"), MOVES)
def test_staff_move_an_order_one_step_on_or_cancel_it_before_it_is_ready(
    start: OrderState, end: OrderState
) -> None:
    on = (start, end) in pairwise(WAY)
    off = end is OrderState.CANCELLED and start in WAY[:3]
    for actor in (Actor.STAFF, Actor.SERVICE):
        assert (actor in who_may(start, end)) == (on or off)


@pytest.mark.parametrize(("start", "end"), MOVES)
def test_managers_also_cancel_what_is_ready_and_refund_what_is_over(
    start: OrderState, end: OrderState
) -> None:
    more = {
        (OrderState.READY, OrderState.CANCELLED),
        (OrderState.COMPLETED, OrderState.REFUNDED),
        (OrderState.CANCELLED, OrderState.REFUNDED),
    }
    expected = Actor.STAFF in who_may(start, end) or (start, end) in more
    for actor in MANAGERS:
        assert (actor in who_may(start, end)) == expected


@pytest.mark.parametrize(("start", "end"), MOVES)
def test_a_guest_cancels_what_is_placed_and_nothing_else(
    start: OrderState, end: OrderState
) -> None:
    expected = (start, end) == (OrderState.PLACED, OrderState.CANCELLED)
    assert (Actor.GUEST in who_may(start, end)) == expected


def test_a_guest_cancels_before_the_time_is_over_and_others_whenever() -> None:
    assert is_in_time(Actor.GUEST, OrderState.CANCELLED, END, IN_TIME)
    assert not is_in_time(Actor.GUEST, OrderState.CANCELLED, END, END)
    assert all(is_in_time(actor, OrderState.CANCELLED, END, END) for actor in STAFF)


def test_what_is_offered_is_what_is_allowed_now() -> None:
    def offered(actor: Actor, start: OrderState, now: datetime) -> list[str]:
        return [state.value for state in allowed(actor, start, END, now)]

    assert offered(Actor.GUEST, OrderState.PLACED, IN_TIME) == ["cancelled"]
    assert offered(Actor.GUEST, OrderState.PLACED, END) == []
    assert offered(Actor.STAFF, OrderState.PLACED, END) == ["accepted", "cancelled"]
    assert offered(Actor.STAFF, OrderState.READY, END) == ["completed"]
    assert offered(Actor.MANAGER, OrderState.READY, END) == ["completed", "cancelled"]
    assert offered(Actor.MANAGER, OrderState.COMPLETED, END) == ["refunded"]
    assert offered(Actor.ADMIN, OrderState.REFUNDED, END) == []


def test_some_moves_are_never_a_guests() -> None:
    assert who_ever_may(OrderState.CANCELLED) == {*Actor}
    assert who_ever_may(OrderState.ACCEPTED) == STAFF
    assert who_ever_may(OrderState.REFUNDED) == MANAGERS
    assert who_ever_may(OrderState.PLACED) == set()


@pytest.mark.parametrize(("start", "end"), MOVES)
def test_only_what_nobody_has_begun_to_make_can_be_sold_again(
    start: OrderState, end: OrderState
) -> None:
    expected = end is OrderState.CANCELLED and start in (OrderState.PLACED, OrderState.ACCEPTED)
    assert puts_back(start, end) == expected
