"""Ten thousand orders while everything their events go through is killed again and again."""

import pytest

from tests.support.chaos import assert_trade_is_whole, trade_disturbed
from tests.support.mesh import RunningMesh

ORDERS = 10_000


@pytest.mark.timeout(3600)
async def test_ten_thousand_orders_and_their_events_survive_whatever_dies(
    mesh: RunningMesh,
) -> None:
    trade = await trade_disturbed(mesh, 10, orders=ORDERS, customers=16, times=8)
    await assert_trade_is_whole(trade)
