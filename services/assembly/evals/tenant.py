"""A scratch tenant for a measurement, made through the contracts, with keys of high limits."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from uuid import UUID, uuid4

from maitred.identity.v1.access_pb2 import ROLE_GUEST, ROLE_MANAGER
from maitred.identity.v1.access_pb2 import Role as ProtoRole
from maitred.identity.v1.api_key_service_pb2 import CreateApiKeyRequest
from maitred.identity.v1.api_key_service_pb2_grpc import ApiKeyServiceStub
from maitred.identity.v1.tenant_service_pb2 import CreateTenantRequest
from maitred.identity.v1.tenant_service_pb2_grpc import TenantServiceStub

from services.chassis.rpc.call import Call, use
from services.chassis.rpc.identity import MeshSigner, Principal, Role
from services.chassis.rpc.peers import Peers

UNLIMITED = 1_000_000
CALL_S = 30.0


@dataclass(frozen=True, slots=True)
class ScratchTenant:
    """A tenant of its own, with an API key of a manager and one of a guest."""

    slug: str
    tenant_id: UUID
    manager_key: str
    guest_key: str


async def scratch_tenant(peers: Peers, signer: MeshSigner, purpose: str) -> ScratchTenant:
    """Makes one; nothing removes it, so that what was measured can be looked at."""
    slug = f"{purpose}-{uuid4().hex[:12]}"
    gateway = peers.channel("gateway")
    with _as(signer, UUID(int=0), Role.ADMIN):
        made = await TenantServiceStub(gateway).CreateTenant(
            CreateTenantRequest(slug=slug, display_name=purpose, requests_per_minute=UNLIMITED)
        )
    tenant_id = UUID(made.tenant.tenant_id)
    keys = ApiKeyServiceStub(gateway)

    async def key(role: "ProtoRole.ValueType") -> str:
        with _as(signer, tenant_id, Role.MANAGER, Role.GUEST):
            created = await keys.CreateApiKey(
                CreateApiKeyRequest(
                    display_name=purpose, roles=[role], requests_per_minute=UNLIMITED
                )
            )
        return created.secret

    return ScratchTenant(slug, tenant_id, await key(ROLE_MANAGER), await key(ROLE_GUEST))


@contextmanager
def _as(signer: MeshSigner, tenant_id: UUID, *roles: Role) -> Iterator[None]:
    principal = Principal(tenant_id, "svc_assembly", frozenset(roles))
    with use(Call(principal, "req_eval", signer.mint(principal), monotonic() + CALL_S)):
        yield
