"""An evening of guests who all want the same few things, as many as a counter can bear."""

import pytest

from tests.integration.orders.serving import serving
from tests.support.rush import balanced, open_counter
from tests.support.servers import MigratedDatabase
from tests.support.services import looking


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_guests_do_at_once_what_is_sold_and_what_is_left_is_what_there_was(
    database: MigratedDatabase, seed: int
) -> None:
    async with (
        serving(database.service_url("orders")) as client,
        looking(database.url) as sees,
    ):
        rush = await open_counter(client, sees)
        await rush.serve(guests=60, rounds=30, seed=seed)
        await balanced(rush, sees)
