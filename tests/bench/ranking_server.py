"""PolicyService in a process of its own, as in production.

Prints its port, serves until its standard input ends.
"""

import sys

import uvloop

from services.bandit.config import BanditConfig
from services.bandit.wiring import build
from services.chassis.run.lifecycle import Target
from services.chassis.run.telemetry import configure_logging
from tests.bench.processes import serve

ANY_PORT = "127.0.0.1:0"


async def main(database_url: str, redis_url: str, public_pem: str) -> None:
    configure_logging("warning")
    config = BanditConfig(
        listen=ANY_PORT,
        admin_listen=ANY_PORT,
        database_url=database_url,
        redis_url=redis_url,
        mesh_public_keys=public_pem,
        page_token_key="bench",
        drain_delay_s=0.0,
    )
    await serve(Target("bandit", config, build), lambda bound: bound.grpc["bandit"])


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
