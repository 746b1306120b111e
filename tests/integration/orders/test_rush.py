"""Many guests at once want the same few things."""

from services.chassis.data.postgres import Connection
from tests.integration.orders.serving import OrdersClient
from tests.support.rush import balanced, open_counter


async def test_whatever_guests_do_at_once_what_is_sold_and_what_is_left_is_what_there_was(
    client: OrdersClient, sees: Connection
) -> None:
    rush = await open_counter(client, sees)
    await rush.serve(guests=16, rounds=6, seed=1)
    await balanced(rush, sees)
