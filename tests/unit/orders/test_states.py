"""How orders may move."""

from itertools import pairwise

import pytest

from services.orders.orders.states import OrderState, guest_may_move, may_move

WAY = [
    OrderState.PLACED,
    OrderState.ACCEPTED,
    OrderState.PREPARING,
    OrderState.READY,
    OrderState.COMPLETED,
]


@pytest.mark.parametrize("start", OrderState)
@pytest.mark.parametrize("end", OrderState)
def test_an_order_moves_one_step_on_or_is_cancelled_before_it_is_ready(
    start: OrderState, end: OrderState
) -> None:
    on = (start, end) in pairwise(WAY)
    off = end is OrderState.CANCELLED and start in WAY[:3]
    assert may_move(start, end) == (on or off)


@pytest.mark.parametrize("start", OrderState)
@pytest.mark.parametrize("end", OrderState)
def test_a_guest_cancels_what_is_placed_and_nothing_else(
    start: OrderState, end: OrderState
) -> None:
    allowed = (start, end) == (OrderState.PLACED, OrderState.CANCELLED)
    assert guest_may_move(start, end) == allowed
