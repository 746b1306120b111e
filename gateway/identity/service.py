"""maitred.identity.v1: TenantService and ApiKeyService."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import grpc
from maitred.identity.v1 import (
    api_key_service_pb2,
    api_key_service_pb2_grpc,
    tenant_service_pb2,
    tenant_service_pb2_grpc,
)

from gateway.identity.convert import (
    api_key_not_found,
    from_api_key,
    from_tenant,
    tenant_exists,
    tenant_not_found,
    time_zone_unknown,
    to_roles,
    to_time,
)
from gateway.identity.events import tenant_event
from gateway.identity.model import (
    SECRET_BYTES,
    ApiKey,
    Tenant,
    included,
    is_time_zone,
    write_key,
)
from gateway.identity.store import IdentityStore
from services.chassis.data.ids import IdFactory, from_id
from services.chassis.data.pages import PageTokens, page_size
from services.chassis.rpc.call import current
from services.chassis.rpc.errors import denied
from services.chassis.rpc.identity import Principal, Role
from services.chassis.rpc.server import ServicerBinding

Context = grpc.aio.ServicerContext[Any, Any]

UTC = "UTC"


class TenantService(tenant_service_pb2_grpc.TenantServiceServicer):
    """Tenants of the installation."""

    def __init__(
        self,
        store: IdentityStore,
        ids: IdFactory,
        clock: Callable[[], datetime],
        tokens: PageTokens,
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._tokens = tokens

    @property
    def binding(self) -> ServicerBinding:
        """How a server serves it."""
        return ServicerBinding(
            "maitred.identity.v1.TenantService",
            tenant_service_pb2_grpc.add_TenantServiceServicer_to_server,
            self,
        )

    async def CreateTenant(
        self, request: tenant_service_pb2.CreateTenantRequest, context: Context
    ) -> tenant_service_pb2.CreateTenantResponse:
        time_zone = request.time_zone or UTC
        _check_zone(time_zone)
        now = self._clock()
        tenant = Tenant(
            tenant_id=self._ids.new(),
            slug=request.slug,
            display_name=request.display_name,
            requests_per_minute=request.requests_per_minute,
            create_time=now,
            time_zone=time_zone,
        )
        if not await self._store.add_tenant(tenant, tenant_event(self._ids.new(), tenant, now)):
            raise tenant_exists(request.slug)
        return tenant_service_pb2.CreateTenantResponse(tenant=from_tenant(tenant))

    async def GetTenant(
        self, request: tenant_service_pb2.GetTenantRequest, context: Context
    ) -> tenant_service_pb2.GetTenantResponse:
        principal = current().principal
        tenant_id = UUID(request.tenant_id)
        visible = principal.has_any(Role.ADMIN) or principal.tenant_id == tenant_id
        tenant = await self._store.tenant(tenant_id) if visible else None
        if tenant is None:
            raise tenant_not_found(request.tenant_id)
        return tenant_service_pb2.GetTenantResponse(tenant=from_tenant(tenant))

    async def UpdateTenant(
        self, request: tenant_service_pb2.UpdateTenantRequest, context: Context
    ) -> tenant_service_pb2.UpdateTenantResponse:
        principal = current().principal
        tenant_id = UUID(request.tenant_id)
        if not (principal.has_any(Role.ADMIN) or principal.tenant_id == tenant_id):
            raise tenant_not_found(request.tenant_id)
        if request.time_zone:
            _check_zone(request.time_zone)
        tenant = await self._store.update_tenant(
            tenant_id,
            request.display_name or None,
            request.time_zone or None,
            lambda changed: tenant_event(self._ids.new(), changed, self._clock()),
        )
        if tenant is None:
            raise tenant_not_found(request.tenant_id)
        return tenant_service_pb2.UpdateTenantResponse(tenant=from_tenant(tenant))

    async def ListTenants(
        self, request: tenant_service_pb2.ListTenantsRequest, context: Context
    ) -> tenant_service_pb2.ListTenantsResponse:
        arguments = {"list": "tenants"}
        position = self._tokens.decode(request.page_token, arguments)
        size = page_size(request.page_size)
        after = str(position[0]) if position else ""
        found = await self._store.tenants(after, size + 1)
        page = found[:size]
        more = len(found) > size
        return tenant_service_pb2.ListTenantsResponse(
            tenants=[from_tenant(tenant) for tenant in page],
            next_page_token=self._tokens.encode([page[-1].slug], arguments) if more else "",
        )


class ApiKeyService(api_key_service_pb2_grpc.ApiKeyServiceServicer):
    """API keys of the caller's tenant. `revoked` is awaited after a key was revoked."""

    def __init__(
        self,
        store: IdentityStore,
        ids: IdFactory,
        clock: Callable[[], datetime],
        tokens: PageTokens,
        revoked: Callable[[UUID, UUID], Awaitable[None]],
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._tokens = tokens
        self._revoked = revoked

    @property
    def binding(self) -> ServicerBinding:
        """How a server serves it."""
        return ServicerBinding(
            "maitred.identity.v1.ApiKeyService",
            api_key_service_pb2_grpc.add_ApiKeyServiceServicer_to_server,
            self,
        )

    async def CreateApiKey(
        self, request: api_key_service_pb2.CreateApiKeyRequest, context: Context
    ) -> api_key_service_pb2.CreateApiKeyResponse:
        principal = current().principal
        roles = to_roles(request.roles)
        _check_grant(principal, roles)
        text = write_key(principal.tenant_id, self._ids.new(), secrets.token_bytes(SECRET_BYTES))
        expires = to_time(request.expire_time) if request.HasField("expire_time") else None
        key = ApiKey(
            tenant_id=text.tenant_id,
            api_key_id=text.api_key_id,
            digest=text.digest,
            display_name=request.display_name,
            roles=roles,
            requests_per_minute=request.requests_per_minute,
            create_time=self._clock(),
            expire_time=expires,
            last_used_time=None,
            revoke_time=None,
        )
        if await self._store.tenant(key.tenant_id) is None:
            raise tenant_not_found(str(key.tenant_id))
        await self._store.add_api_key(key)
        return api_key_service_pb2.CreateApiKeyResponse(api_key=from_api_key(key), secret=text.text)

    async def ListApiKeys(
        self, request: api_key_service_pb2.ListApiKeysRequest, context: Context
    ) -> api_key_service_pb2.ListApiKeysResponse:
        tenant_id = current().principal.tenant_id
        arguments = {"list": "api_keys", "tenant": str(tenant_id)}
        position = self._tokens.decode(request.page_token, arguments)
        size = page_size(request.page_size)
        before = UUID(hex=str(position[0])) if position else None
        found = await self._store.api_keys(tenant_id, before, size + 1)
        page = found[:size]
        more = len(found) > size
        return api_key_service_pb2.ListApiKeysResponse(
            api_keys=[from_api_key(key) for key in page],
            next_page_token=(
                self._tokens.encode([page[-1].api_key_id.hex], arguments) if more else ""
            ),
        )

    async def RevokeApiKey(
        self, request: api_key_service_pb2.RevokeApiKeyRequest, context: Context
    ) -> api_key_service_pb2.RevokeApiKeyResponse:
        tenant_id = current().principal.tenant_id
        api_key_id = from_id("key", request.api_key_id)
        key = await self._store.revoke_api_key(tenant_id, api_key_id, self._clock())
        if key is None:
            raise api_key_not_found(request.api_key_id)
        await self._revoked(tenant_id, api_key_id)
        return api_key_service_pb2.RevokeApiKeyResponse(api_key=from_api_key(key))


def _check_zone(name: str) -> None:
    if not is_time_zone(name):
        raise time_zone_unknown(name)


def _check_grant(principal: Principal, roles: frozenset[Role]) -> None:
    """Nobody gives what they do not hold."""
    missing = sorted(roles - included(principal.roles))
    if missing:
        raise denied(
            "ROLE_REQUIRED",
            f"Only who holds them can give the roles: {', '.join(missing)}.",
            roles=",".join(missing),
        )
