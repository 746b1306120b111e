"""Thousands of connections to one gateway process."""

from __future__ import annotations

from tests.support.holding import hold, patient_gateways
from tests.support.servers import MigratedDatabase

STREAMS = 5_000
WEBSOCKETS = 500


async def test_one_gateway_holds_five_thousand_streams(
    database: MigratedDatabase, redis_url: str
) -> None:
    with patient_gateways(database, redis_url) as gateways:
        await hold(gateways, redis_url, STREAMS, WEBSOCKETS)
