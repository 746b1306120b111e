"""Everything an order's events go through is killed, and nothing is lost, doubled or reordered."""

from tests.support.chaos import assert_trade_is_whole, trade_disturbed
from tests.support.mesh import RunningMesh


async def test_orders_and_their_events_survive_whatever_dies(mesh: RunningMesh) -> None:
    trade = await trade_disturbed(mesh, 4, orders=150, customers=6, times=1, pause_s=0.4)
    await assert_trade_is_whole(trade)
