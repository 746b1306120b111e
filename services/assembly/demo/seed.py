"""Brings the demo tenants into an installation, through its contracts alone."""

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from uuid import UUID

from google.protobuf.json_format import Parse
from grpc import StatusCode
from grpc.aio import AioRpcError
from maitred.identity.v1.access_pb2 import ROLE_MANAGER, ROLE_STAFF
from maitred.identity.v1.access_pb2 import Role as ProtoRole
from maitred.identity.v1.api_key_service_pb2 import CreateApiKeyRequest
from maitred.identity.v1.api_key_service_pb2_grpc import ApiKeyServiceStub
from maitred.identity.v1.tenant_pb2 import Tenant
from maitred.identity.v1.tenant_service_pb2 import CreateTenantRequest, ListTenantsRequest
from maitred.identity.v1.tenant_service_pb2_grpc import TenantServiceStub
from maitred.orders.v1.catalog_pb2 import Catalog
from maitred.orders.v1.catalog_service_pb2 import ImportProductsRequest
from maitred.orders.v1.catalog_service_pb2_grpc import CatalogServiceStub
from maitred.orders.v1.promotion_pb2 import Promotion
from maitred.orders.v1.promotion_service_pb2 import (
    CreatePromotionRequest,
    ListPromotionsResponse,
    UpdatePromotionRequest,
)
from maitred.orders.v1.promotion_service_pb2_grpc import PromotionServiceStub
from maitred.retrieval.v1.document_pb2 import INGESTION_STATE_RUNNING as RUNNING
from maitred.retrieval.v1.document_service_pb2 import CreateDocumentRequest, GetIngestionRequest
from maitred.retrieval.v1.document_service_pb2_grpc import DocumentServiceStub

from services.assembly.demo.access import DemoTenant
from services.assembly.demo.knowledge import documents_of
from services.chassis.rpc.call import Call, use
from services.chassis.rpc.identity import MeshSigner, Principal, Role
from services.chassis.rpc.peers import Peers

CATALOGS = Path(__file__).parent / "catalogs"
PROMOTIONS = Path(__file__).parent / "promotions"
# Slug to name; catalog, promotions and documents are the files named like the slug.
TENANTS = {"coffee-bar": "The Daily Grind", "pizzeria": "Forno Vivo"}
CALL_S = 30.0
# Tenants are made for no tenant.
NO_TENANT = UUID(int=0)


async def seed(
    peers: Peers, signer: MeshSigner, known: Sequence[DemoTenant]
) -> Sequence[DemoTenant]:
    """Create what is missing: tenants, catalogs, promotions, documents, two API keys each.

    Args:
        peers: reaches `gateway`, `orders` and `retrieval`.
        signer: of tokens the mesh trusts.
        known: what an earlier call returned; kept where it is still true.
    """
    seeder = _Seeder(peers, signer)
    existing = await seeder.tenants()
    by_id = {one.tenant_id: one for one in known}
    seeded = []
    for slug, display_name in TENANTS.items():
        tenant = existing.get(slug) or await seeder.create(slug, display_name)
        seeded.append(await seeder.furnish(tenant, slug, by_id.get(tenant.tenant_id)))
    return tuple(seeded)


async def open_branch(peers: Peers, signer: MeshSigner, slug: str, house: str) -> DemoTenant:
    """Create a tenant that has nothing behind it, furnished as a demo tenant is.

    Args:
        peers: reaches `gateway`, `orders` and `retrieval`.
        signer: of tokens the mesh trusts.
        slug: of the new tenant; none has it yet.
        house: slug of the demo tenant it is like.
    """
    seeder = _Seeder(peers, signer)
    return await seeder.furnish(await seeder.create(slug, TENANTS[house]), house, None)


class _Seeder:
    def __init__(self, peers: Peers, signer: MeshSigner) -> None:
        gateway = peers.channel("gateway")
        self._tenants = TenantServiceStub(gateway)
        self._keys = ApiKeyServiceStub(gateway)
        orders = peers.channel("orders")
        self._catalogs = CatalogServiceStub(orders)
        self._promotions = PromotionServiceStub(orders)
        self._documents = DocumentServiceStub(peers.channel("retrieval"))
        self._signer = signer

    async def tenants(self) -> dict[str, Tenant]:
        found: dict[str, Tenant] = {}
        page_token = ""
        while True:
            with self._as(NO_TENANT, Role.ADMIN):
                page = await self._tenants.ListTenants(
                    ListTenantsRequest(page_size=200, page_token=page_token)
                )
            found.update({tenant.slug: tenant for tenant in page.tenants})
            page_token = page.next_page_token
            if not page_token:
                return found

    async def create(self, slug: str, display_name: str) -> Tenant:
        with self._as(NO_TENANT, Role.ADMIN):
            created = await self._tenants.CreateTenant(
                CreateTenantRequest(slug=slug, display_name=display_name)
            )
        return created.tenant

    async def furnish(self, tenant: Tenant, house: str, known: DemoTenant | None) -> DemoTenant:
        name = house.replace("-", "_")
        text = (CATALOGS / f"{name}.json").read_text(encoding="utf-8")
        promotions = (PROMOTIONS / f"{name}.json").read_text(encoding="utf-8")
        documents = list(documents_of(name, text))
        written = "".join(document.content for document in documents)
        catalog = hashlib.sha256((text + promotions + written).encode()).hexdigest()
        if known is not None and known.catalog == catalog:
            return known
        with self._as(UUID(tenant.tenant_id), Role.MANAGER):
            await self._catalogs.ImportProducts(
                ImportProductsRequest(catalog=Parse(text, Catalog()))
            )
            for promotion in Parse(promotions, ListPromotionsResponse()).promotions:
                await self._promote(promotion)
            for document in documents:
                await self._teach(document)
            return DemoTenant(
                slug=tenant.slug,
                tenant_id=tenant.tenant_id,
                display_name=tenant.display_name,
                manager_key=known.manager_key if known else await self._key(ROLE_MANAGER),
                staff_key=known.staff_key if known else await self._key(ROLE_STAFF),
                catalog=catalog,
            )

    async def _promote(self, promotion: Promotion) -> None:
        try:
            await self._promotions.CreatePromotion(CreatePromotionRequest(promotion=promotion))
        except AioRpcError as error:
            if error.code() is not StatusCode.ALREADY_EXISTS:
                raise
            await self._promotions.UpdatePromotion(UpdatePromotionRequest(promotion=promotion))

    async def _teach(self, document: CreateDocumentRequest) -> None:
        """Takes a document in; returns when it can be found."""
        sent = await self._documents.CreateDocument(document)
        request = GetIngestionRequest(ingestion_id=sent.ingestion.ingestion_id)
        while (  # noqa: ASYNC110 - nobody tells a caller
            await self._documents.GetIngestion(request)
        ).ingestion.state == RUNNING:
            await asyncio.sleep(0.05)

    async def _key(self, role: "ProtoRole.ValueType") -> str:
        created = await self._keys.CreateApiKey(
            CreateApiKeyRequest(display_name="demo", roles=[role])
        )
        return created.secret

    @contextmanager
    def _as(self, tenant_id: UUID, role: Role) -> Iterator[None]:
        # A manager may make a staff key only if they are staff too.
        roles = frozenset({role, Role.STAFF} if role is Role.MANAGER else {role})
        principal = Principal(tenant_id, "svc_assembly", roles)
        token = self._signer.mint(principal)
        with use(Call(principal, "req_seed", token, monotonic() + CALL_S)):
            yield
