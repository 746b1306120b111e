"""How the relay is put together."""

import os
import socket
from datetime import timedelta

from services.chassis.data.migrate import check_schema
from services.chassis.data.pages import PageTokens
from services.chassis.run.lifecycle import Component, Loop, Resources
from services.relay.config import RelayConfig
from services.relay.dead_letters.service import DeadLetterService
from services.relay.dead_letters.store import LetterStore
from services.relay.metrics import RelayMetrics
from services.relay.migrations import SCHEMA
from services.relay.publisher import Publisher
from services.relay.relay import Relay
from services.relay.store import EventStore


async def build(config: RelayConfig, resources: Resources) -> Component:
    """The relay needs Postgres; Redis may come and go."""
    if resources.database is None or resources.redis is None:
        raise ValueError("the relay needs a database and a Redis")
    async with resources.database.transaction() as connection:
        await check_schema(connection, SCHEMA)
    store = EventStore(resources.database, f"{socket.gethostname()}:{os.getpid()}")
    publisher = Publisher(
        resources.redis, store, resources.clock, timedelta(seconds=config.stream_retention_s)
    )
    metrics = RelayMetrics(resources.telemetry.registry)
    relay = Relay(config, store, publisher, metrics, resources.clock)
    letters = DeadLetterService(
        LetterStore(resources.database), metrics, PageTokens(config.page_token_key), resources.clock
    )
    return Component(
        name="relay",
        servicers=(letters.binding,),
        loops=(
            Loop("hold", relay.hold),
            Loop("listen", relay.listen),
            Loop("move", relay.move),
            Loop("publish", relay.publish),
            Loop("observe", relay.observe),
            Loop("trim", relay.trim),
        ),
        ready=resources.database.ping,
    )
