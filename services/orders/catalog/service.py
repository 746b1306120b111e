"""maitred.orders.v1.CatalogService."""

from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime
from typing import Any

import grpc
from maitred.orders.v1 import catalog_pb2, catalog_service_pb2, catalog_service_pb2_grpc

from services.chassis.data.pages import PageTokens, page_size
from services.chassis.rpc.call import current
from services.chassis.rpc.repeats import keyless, scope_of, tell_replayed
from services.chassis.rpc.server import ServicerBinding
from services.orders.catalog.convert import catalog_invalid, to_catalog
from services.orders.catalog.editions import Edition, PerEdition
from services.orders.catalog.model import InvalidCatalog
from services.orders.catalog.search import ProductIndex
from services.orders.catalog.store import CatalogStore

Context = grpc.aio.ServicerContext[Any, Any]

_DEFAULT_LIMIT, _LARGEST_LIMIT = 10, 50


class CatalogService(catalog_service_pb2_grpc.CatalogServiceServicer):
    """Serves and replaces catalogs."""

    def __init__(
        self, store: CatalogStore, tokens: PageTokens, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._clock = clock
        self._messages = PerEdition(_message)
        self._products = PerEdition(_products_by_id)
        self._indexes = PerEdition(lambda edition: ProductIndex(edition.catalog))

    @property
    def binding(self) -> ServicerBinding:
        """How a server serves it."""
        return ServicerBinding(
            "maitred.orders.v1.CatalogService",
            catalog_service_pb2_grpc.add_CatalogServiceServicer_to_server,
            self,
        )

    async def GetCatalog(
        self, request: catalog_service_pb2.GetCatalogRequest, context: Context
    ) -> catalog_service_pb2.GetCatalogResponse:
        return catalog_service_pb2.GetCatalogResponse(
            catalog=self._messages.of(await self._edition())
        )

    async def ListProducts(
        self, request: catalog_service_pb2.ListProductsRequest, context: Context
    ) -> catalog_service_pb2.ListProductsResponse:
        arguments = {"list": "products", "category": request.category}
        position = self._tokens.decode(request.page_token, arguments)
        products = self._products.of(await self._edition())
        start = bisect_right(list(products), str(position[0])) if position else 0
        chosen = [
            product
            for product in list(products.values())[start:]
            if not request.category or product.category == request.category
        ]
        size = page_size(request.page_size)
        page = chosen[:size]
        more = len(chosen) > size
        return catalog_service_pb2.ListProductsResponse(
            products=page,
            next_page_token=self._tokens.encode([page[-1].product_id], arguments) if more else "",
        )

    async def SearchProducts(
        self, request: catalog_service_pb2.SearchProductsRequest, context: Context
    ) -> catalog_service_pb2.SearchProductsResponse:
        edition = await self._edition()
        products = self._products.of(edition)
        limit = min(request.limit or _DEFAULT_LIMIT, _LARGEST_LIMIT)
        return catalog_service_pb2.SearchProductsResponse(
            matches=[
                catalog_service_pb2.ProductMatch(
                    product=products[match.product.id], score=match.score
                )
                for match in self._indexes.of(edition).search(request.query, limit)
            ]
        )

    async def ImportProducts(
        self, request: catalog_service_pb2.ImportProductsRequest, context: Context
    ) -> catalog_service_pb2.ImportProductsResponse:
        try:
            to_catalog(request.catalog)
        except InvalidCatalog as contradiction:
            raise catalog_invalid(contradiction) from contradiction
        response = catalog_service_pb2.ImportProductsResponse(
            product_count=len(request.catalog.products),
            option_group_count=len(request.catalog.option_groups),
            add_on_count=len(request.catalog.add_ons),
            order_choice_count=len(request.catalog.order_choices),
        )
        answer = await self._store.replace(
            scope_of(current().principal, "ImportProducts", request.request_id),
            keyless(request),
            request.catalog.SerializeToString(),
            response.SerializeToString(),
            self._clock(),
        )
        tell_replayed(context, answer)
        return catalog_service_pb2.ImportProductsResponse.FromString(answer.body)

    async def _edition(self) -> Edition:
        return await self._store.current(current().principal.tenant_id)


def _message(edition: Edition) -> catalog_pb2.Catalog:
    return catalog_pb2.Catalog.FromString(edition.document)


def _products_by_id(edition: Edition) -> dict[str, catalog_pb2.Product]:
    products = sorted(_message(edition).products, key=lambda product: product.product_id)
    return {product.product_id: product for product in products}
