"""How many connections one gateway process holds, and that it writes to each."""

from __future__ import annotations

from tests.support.holding import hold, patient_gateways
from tests.support.servers import MigratedDatabase

STREAMS = 1_000
WEBSOCKETS = 500


async def test_one_gateway_holds_streams_and_websockets_and_writes_to_each(
    database: MigratedDatabase, redis_url: str
) -> None:
    with patient_gateways(database, redis_url) as gateways:
        await hold(gateways, redis_url, STREAMS, WEBSOCKETS)
