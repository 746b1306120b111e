"""Tickets: what a page puts in the address of a WebSocket, where no header can be set.

A ticket works once and for half a minute. It stands for its caller and carries no credential:
Redis holds who that is, under the ticket's hash.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import redis.asyncio
from redis.exceptions import RedisError

from gateway.identity.authenticator import Authenticator, Caller
from services.chassis.rpc.errors import unauthenticated, unavailable

LIFETIME = timedelta(seconds=30)
PREFIX = "tkt_"
_KEY = "maitred:tickets:"
_BYTES = 32
_LONGEST = 128


class Tickets:
    """Gives out tickets and takes them back.

    Args:
        client: Redis.
        authenticator: says what a caller may now.
        clock: now.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis,
        authenticator: Authenticator,
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._authenticator = authenticator
        self._clock = clock

    async def issue(self, caller: Caller) -> tuple[str, datetime]:
        """A ticket of a caller, and until when it works. Fails with UNAVAILABLE without Redis."""
        ticket = PREFIX + secrets.token_urlsafe(_BYTES)
        principal = caller.principal
        holder = {
            "tenant_id": principal.tenant_id.hex,
            "principal_id": principal.principal_id,
            "expires": caller.expires.isoformat() if caller.expires else None,
        }
        try:
            await self._client.set(_key(ticket), json.dumps(holder), ex=LIFETIME)
        except (RedisError, OSError) as error:
            raise unavailable("redis") from error
        return ticket, self._clock() + LIFETIME

    async def redeem(self, ticket: str) -> Caller:
        """Whose ticket it was. Fails with UNAUTHENTICATED, with UNAVAILABLE without Redis."""
        if not ticket.startswith(PREFIX) or len(ticket) > _LONGEST:
            raise unauthenticated("not a ticket")
        try:
            found = await self._client.getdel(_key(ticket))
        except (RedisError, OSError) as error:
            raise unavailable("redis") from error
        if found is None:
            raise unauthenticated("the ticket was used, or is too old")
        holder = json.loads(found)
        expires = datetime.fromisoformat(holder["expires"]) if holder["expires"] else None
        return await self._authenticator.holder(
            UUID(hex=holder["tenant_id"]), holder["principal_id"], expires
        )


def _key(ticket: str) -> str:
    return _KEY + hashlib.sha256(ticket.encode()).hexdigest()
