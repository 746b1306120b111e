"""News of revoked keys between gateways, by Redis; without it they are re-read in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import UUID

import redis.asyncio
import structlog
from redis.exceptions import RedisError

CHANNEL = "maitred:identity:revoked"
_RETRY_S = 1.0

_log = structlog.get_logger(__name__)


class Revocations:
    """Tells other gateways of a revoked key, and hears of theirs.

    Args:
        client: Redis; None to neither tell nor hear.
        heard: called with tenant and key.
        missed: called when news may have been missed.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis | None,
        heard: Callable[[UUID, UUID], None],
        missed: Callable[[], None],
    ) -> None:
        self._client = client
        self._heard = heard
        self._missed = missed

    async def tell(self, tenant_id: UUID, api_key_id: UUID) -> None:
        """Has every gateway refuse the key from now on."""
        self._heard(tenant_id, api_key_id)
        if self._client is None:
            return
        try:
            await self._client.publish(CHANNEL, f"{tenant_id.hex}:{api_key_id.hex}")
        except (RedisError, OSError) as error:
            _log.warning("revocation_not_told", error=type(error).__name__)

    async def run(self) -> None:
        """Listens until cancelled; comes back after Redis was away."""
        if self._client is None:
            await asyncio.Event().wait()
            return
        while True:
            try:
                await self._listen(self._client)
            except (RedisError, OSError) as error:
                _log.warning("revocations_unavailable", error=type(error).__name__)
                await asyncio.sleep(_RETRY_S)

    async def _listen(self, client: redis.asyncio.Redis) -> None:
        async with client.pubsub() as channel:
            await channel.subscribe(CHANNEL)
            while True:
                message = await channel.get_message(timeout=5.0)
                if message is None:
                    continue
                # The client subscribes again by itself after a connection was lost.
                if message["type"] == "subscribe":
                    self._missed()
                elif message["type"] == "message":
                    tenant, _, key = message["data"].decode().partition(":")
                    self._heard(UUID(hex=tenant), UUID(hex=key))
