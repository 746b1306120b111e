"""From a request's credential to a caller."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from gateway.identity.cache import ReadThroughCache
from gateway.identity.convert import tenant_not_found
from gateway.identity.cookies import SELECTOR_HEADER, Headers, Origins, find_cookie
from gateway.identity.model import PREFIX, ApiKey, Tenant, read_key
from gateway.identity.store import IdentityStore
from gateway.identity.tokens import EXPIRED, REVOKED, AccessTokens
from services.chassis.data.ids import from_id, to_id
from services.chassis.rpc.errors import unauthenticated
from services.chassis.rpc.identity import Principal, Role

# A revoked key is refused after this long at the latest, also when nobody is told of it; and what
# stays connected, which is looked at as often, ends within half a minute.
REREAD_S = 15.0
_MOST_KEYS = 16_384
_MOST_TEXTS = 4_096
_MOST_TENANTS = 4_096
_SLUG = re.compile(r"[a-z0-9-]{2,63}")
_GUEST = frozenset({Role.GUEST})


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        principal: as the mesh knows them.
        requests_per_minute: replaces the limit of each route; 0 keeps it.
        credential: with what they came: the bearer's text or the cookie's value.
        expires: when that ends; None for never.
    """

    principal: Principal
    requests_per_minute: int
    credential: str
    expires: datetime | None


class Authenticator:
    """Knows callers by API key, access token or cookie."""

    def __init__(
        self,
        store: IdentityStore,
        tokens: AccessTokens,
        origins: Origins,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._origins = origins
        self._clock = clock

        def seconds() -> float:
            return clock().timestamp()

        # What does not depend on the moment is read of a key's text once.
        self._read_key = functools.lru_cache(_MOST_TEXTS)(read_key)
        self._keys: ReadThroughCache[tuple[UUID, UUID], ApiKey | None] = ReadThroughCache(
            self._use_key, lifetime_s=REREAD_S, most=_MOST_KEYS, clock=seconds
        )
        self._tenants: ReadThroughCache[UUID, Tenant | None] = ReadThroughCache(
            store.tenant, lifetime_s=REREAD_S, most=_MOST_TENANTS, clock=seconds
        )
        self._slugs: ReadThroughCache[str, Tenant | None] = ReadThroughCache(
            store.tenant_by_slug, lifetime_s=REREAD_S, most=_MOST_TENANTS, clock=seconds
        )

    def credential(self, method: str, headers: Headers, selector: str) -> str:
        """What a request shows, be it good or not: `Authorization` if it has one, else a cookie.

        Fails with UNAUTHENTICATED where there is nothing, and with PERMISSION_DENIED
        (ORIGIN_NOT_ALLOWED) where a foreign page uses a cookie.
        """
        bearer = bearer_of(headers)
        if bearer:
            return bearer
        cookie = find_cookie(
            headers, selector or headers.get(SELECTOR_HEADER, b"").decode("latin-1")
        )
        if not cookie:
            raise unauthenticated("no credential")
        self._origins.check(method, headers)
        if cookie.startswith(PREFIX):
            raise unauthenticated("an API key is no cookie")
        return cookie

    async def caller(self, credential: str, *, only_known: bool = False) -> Caller:
        """The caller with this credential. Fails with UNAUTHENTICATED if it does not hold.

        `only_known` asks the database of no API key that has not held here before.
        """
        if credential.startswith(PREFIX):
            return await self._by_key(credential, only_known=only_known)
        return await self._by_token(credential)

    async def holder(
        self, tenant_id: UUID, principal_id: str, expires: datetime | None, credential: str = ""
    ) -> Caller:
        """The caller of whom is known that they showed a credential that lasts until `expires`.

        A key may no more, and no longer, than it may now. Fails with UNAUTHENTICATED.
        """
        if expires is not None and expires <= self._clock():
            raise unauthenticated(EXPIRED)
        if principal_id.startswith("key_"):
            key = await self._keys.get((tenant_id, from_id("key", principal_id)))
            if key is None:
                raise unauthenticated("unknown API key")
            return await self._with_key(key, credential, expires or key.expire_time)
        tenant = await self.tenant(tenant_id)
        principal = Principal(tenant_id, principal_id, _GUEST)
        return Caller(principal, tenant.requests_per_minute, credential, expires)

    async def tenant_by_slug(self, slug: str) -> Tenant:
        """The tenant of a slug. Fails with NOT_FOUND (TENANT_NOT_FOUND)."""
        tenant = await self._slugs.get(slug) if _SLUG.fullmatch(slug) else None
        if tenant is None:
            # A tenant made a moment ago must not seem missing.
            self._slugs.forget(slug)
            raise tenant_not_found(slug[:64])
        return tenant

    async def tenant(self, tenant_id: UUID) -> Tenant:
        """The tenant of an id. Fails with UNAUTHENTICATED: only credentials name one."""
        tenant = await self._tenants.get(tenant_id)
        if tenant is None:
            raise unauthenticated("unknown tenant")
        return tenant

    def forget_key(self, tenant_id: UUID, api_key_id: UUID) -> None:
        """Has a key read again at its next use: it was revoked."""
        self._keys.forget((tenant_id, api_key_id))

    def forget_keys(self) -> None:
        """Has all keys read again: news of them may have been missed."""
        self._keys.forget_all()

    async def _use_key(self, key: tuple[UUID, UUID]) -> ApiKey | None:
        return await self._store.use_api_key(*key, self._clock())

    async def _by_key(self, text: str, *, only_known: bool) -> Caller:
        parts = self._read_key(text)
        if parts is None:
            raise unauthenticated("not an API key")
        names = (parts.tenant_id, parts.api_key_id)
        last = self._keys.last(names)
        if only_known and (last is None or not parts.opens(last)):
            raise unauthenticated("unknown API key")
        key = await self._keys.get(names)
        if key is None or not parts.opens(key):
            raise unauthenticated("unknown API key")
        return await self._with_key(key, text, key.expire_time)

    async def _by_token(self, text: str) -> Caller:
        token = self._tokens.read(text)
        return await self.holder(token.tenant_id, token.principal_id, token.expires, text)

    async def _with_key(self, key: ApiKey, credential: str, expires: datetime | None) -> Caller:
        if not key.works(self._clock()):
            raise unauthenticated(REVOKED if key.revoke_time else EXPIRED)
        tenant = await self.tenant(key.tenant_id)
        principal = Principal(key.tenant_id, to_id("key", key.api_key_id), key.roles)
        requests_per_minute = key.requests_per_minute or tenant.requests_per_minute
        return Caller(principal, requests_per_minute, credential, expires)


def bearer_of(headers: Headers) -> str:
    """The bearer credential of a request; empty if it has no `Authorization`.

    Fails with UNAUTHENTICATED where it has another scheme.
    """
    value = headers.get(b"authorization", b"").decode("latin-1")
    if not value:
        return ""
    scheme, _, credential = value.partition(" ")
    if scheme.lower() != "bearer" or not credential.strip():
        raise unauthenticated("not a bearer credential")
    return credential.strip()
