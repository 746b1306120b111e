"""Messages to a user, wherever they are connected.

Each gateway listens on a channel of its own; a message goes to the gateways that have the user and
to no others, and each says to how many connections it wrote it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import redis.asyncio
import structlog
from prometheus_client import Counter
from redis.exceptions import RedisError

from gateway.realtime import sse
from gateway.realtime.connections import Connections, Kind
from gateway.realtime.messages import write_message
from gateway.realtime.presence import Presence
from services.chassis.data.ids import IdFactory, to_id
from services.chassis.rpc.errors import unavailable

_CHANNEL = "maitred:realtime:"
# How long gateways are waited for to say what they did.
_PATIENCE_S = 2.0
_RETRY_S = 1.0
_ENCODER = json.JSONEncoder(separators=(",", ":"))

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Receipt:
    """Gateways that have not answered yet, and what the others wrote."""

    waiting: set[str]
    count: int = 0
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, replica_id: str, count: int) -> None:
        """Notes a gateway's answer."""
        self.waiting.discard(replica_id)
        self.count += count
        if not self.waiting:
            self.done.set()


class Couriers:
    """Carries messages between gateways. `run` must be running.

    Args:
        client: Redis.
        replica_id: of this gateway.
        connections: of this gateway.
        presence: says who is where.
        messages: counts what is written.
        ids: of messages.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis,
        replica_id: str,
        connections: Connections,
        presence: Presence,
        messages: Counter,
        ids: IdFactory,
    ) -> None:
        self._client = client
        self._replica_id = replica_id
        self._connections = connections
        self._presence = presence
        self._messages = messages
        self._ids = ids
        self._receipts: dict[str, _Receipt] = {}

    async def send(
        self, tenant_id: UUID, principal_id: str, kind: str, data: Mapping[str, str]
    ) -> tuple[str, int]:
        """Sends a message; its id, and to how many connections it was written.

        Fails with UNAVAILABLE without Redis: nobody knows then where they are.
        """
        message_id = to_id("msg", self._ids.new())
        body = _ENCODER.encode({"id": message_id, "type": kind, "data": dict(data)})
        present = await self._presence.of(tenant_id, principal_id)
        others = present.replica_ids - {self._replica_id}
        elsewhere = 0
        if others:
            parcel = {
                "message_id": message_id,
                "tenant_id": tenant_id.hex,
                "principal_id": principal_id,
                "body": body,
                "sender": self._replica_id,
            }
            elsewhere = await self._have_written(message_id, others, _ENCODER.encode(parcel))
        return message_id, elsewhere + self._write(tenant_id, principal_id, message_id, body)

    async def run(self) -> None:
        """Writes what others send until cancelled; comes back after Redis was away."""
        while True:
            try:
                await self._listen()
            except (RedisError, OSError) as error:
                _log.warning("couriers_unavailable", error=type(error).__name__)
                await asyncio.sleep(_RETRY_S)

    async def _have_written(self, message_id: str, others: frozenset[str], parcel: str) -> int:
        receipt = self._receipts[message_id] = _Receipt(set(others))
        try:
            for replica_id in others:
                if not await self._client.publish(_CHANNEL + replica_id, parcel):
                    receipt.take(replica_id, 0)
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE_S):
                    await receipt.done.wait()
        except (RedisError, OSError) as error:
            raise unavailable("redis") from error
        finally:
            del self._receipts[message_id]
        return receipt.count

    async def _listen(self) -> None:
        async with self._client.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(_CHANNEL + self._replica_id)
            while True:
                message = await channel.get_message(timeout=5.0)
                if message is not None:
                    await self._take(json.loads(message["data"]))

    async def _take(self, parcel: Mapping[str, Any]) -> None:
        message_id = parcel["message_id"]
        if "count" in parcel:
            if (receipt := self._receipts.get(message_id)) is not None:
                receipt.take(parcel["replica_id"], parcel["count"])
            return
        count = self._write(
            UUID(hex=parcel["tenant_id"]), parcel["principal_id"], message_id, parcel["body"]
        )
        answer = {"message_id": message_id, "replica_id": self._replica_id, "count": count}
        await self._client.publish(_CHANNEL + parcel["sender"], _ENCODER.encode(answer))

    def _write(self, tenant_id: UUID, principal_id: str, message_id: str, body: str) -> int:
        """Writes a message to the connections that somebody has here; to how many."""
        frames = {
            Kind.SSE: sse.chunk(sse.frame(body.encode(), event="message")),
            Kind.WEBSOCKET: write_message(message_id, body.encode()),
        }
        count = 0
        for connection in self._connections.of(tenant_id, principal_id):
            if connection.write(frames[connection.kind]):
                self._messages.labels(connection.kind, "message").inc()
                count += 1
        return count
