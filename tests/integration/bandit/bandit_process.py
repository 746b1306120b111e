"""The bandit as a process: `python -m tests.integration.bandit.bandit_process DATABASE REDIS KEY`.

Prints its gRPC port once it serves.
"""

import sys

from services.bandit.config import BanditConfig
from services.bandit.wiring import build
from services.chassis.run.lifecycle import Bound, Target, run_process


def say(bound: Bound) -> None:
    print(bound.grpc["bandit"], flush=True)


if __name__ == "__main__":
    database_url, redis_url, public_key = sys.argv[1:]
    config = BanditConfig(
        listen="127.0.0.1:0",
        admin_listen="127.0.0.1:0",
        database_url=database_url,
        redis_url=redis_url,
        mesh_public_keys=public_key,
        page_token_key="test",
    )
    run_process([Target("bandit", config, build)], say)
