"""maitred.orders.v1.CatalogService."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import grpc
from maitred.orders.v1 import catalog_pb2, catalog_service_pb2, catalog_service_pb2_grpc

from services.chassis.data.idempotency import Answer
from services.chassis.data.pages import PageTokens, page_size
from services.chassis.rpc.call import current
from services.chassis.rpc.repeats import keyless, scope_of, tell_replayed
from services.chassis.rpc.server import ServicerBinding
from services.orders.catalog.choosing import ProductFilter
from services.orders.catalog.convert import (
    MOST_COUNTED,
    catalog_invalid,
    changed,
    marked,
    product_not_found,
    product_of,
    stock_not_counted,
    stock_too_high,
    stock_too_low,
    to_catalog,
)
from services.orders.catalog.editions import Change, Edition, PerEdition, by_version
from services.orders.catalog.model import InvalidCatalog
from services.orders.catalog.search import ProductIndex
from services.orders.catalog.store import CatalogStore, StockChange

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
        self._imported = PerEdition(_imported, by_version)
        self._served = PerEdition(_served)
        self._products = PerEdition(_products)
        self._ids = PerEdition(_ids, by_version)
        self._indexes = PerEdition(lambda edition: ProductIndex(edition.catalog), by_version)

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
        messages = self._served if request.as_served else self._imported
        return catalog_service_pb2.GetCatalogResponse(catalog=messages.of(await self._edition()))

    async def GetProduct(
        self, request: catalog_service_pb2.GetProductRequest, context: Context
    ) -> catalog_service_pb2.GetProductResponse:
        edition = await self._edition()
        if request.product_id not in edition.catalog.products_by_id:
            raise product_not_found(request.product_id)
        (product,) = await self._shown(edition, [request.product_id])
        return catalog_service_pb2.GetProductResponse(product=product)

    async def ListProducts(
        self, request: catalog_service_pb2.ListProductsRequest, context: Context
    ) -> catalog_service_pb2.ListProductsResponse:
        arguments = {
            "list": "products",
            "category": request.category,
            "name_prefix": request.name_prefix,
            "without_allergens": "\n".join(request.without_allergens),
            "available_only": str(request.available_only),
        }
        position = self._tokens.decode(request.page_token, arguments)
        edition = await self._edition()
        by_id, wanted = edition.catalog.products_by_id, _filter(request)
        ids = self._ids.of(edition)
        start = bisect_right(ids, str(position[0])) if position else 0
        size = page_size(request.page_size)
        chosen = (id_ for id_ in ids[start:] if wanted.takes(by_id[id_]))
        found = [*islice(chosen, size + 1)]
        page, more = found[:size], len(found) > size
        return catalog_service_pb2.ListProductsResponse(
            products=await self._shown(edition, page),
            next_page_token=self._tokens.encode([page[-1]], arguments) if more else "",
        )

    async def SearchProducts(
        self, request: catalog_service_pb2.SearchProductsRequest, context: Context
    ) -> catalog_service_pb2.SearchProductsResponse:
        edition, wanted = await self._edition(), _filter(request)
        among = {product.id for product in edition.catalog.products if wanted.takes(product)}
        limit = min(request.limit or _DEFAULT_LIMIT, _LARGEST_LIMIT)
        matches = self._indexes.of(edition).search(request.query, limit, among)
        products = await self._shown(edition, [match.product.id for match in matches])
        return catalog_service_pb2.SearchProductsResponse(
            matches=[
                catalog_service_pb2.ProductMatch(product=product, score=match.score)
                for product, match in zip(products, matches, strict=True)
            ]
        )

    async def UpdateProduct(
        self, request: catalog_service_pb2.UpdateProductRequest, context: Context
    ) -> catalog_service_pb2.UpdateProductResponse:
        def decide(document: bytes) -> Change:
            after = changed(document, request)
            product = product_of(catalog_pb2.Catalog.FromString(after), request.product_id)
            answer = catalog_service_pb2.UpdateProductResponse(product=product)
            return Change(after if after != document else None, answer.SerializeToString())

        scope = scope_of(current().principal, "UpdateProduct", request.request_id)
        answer = await self._store.change(scope, keyless(request), decide)
        tell_replayed(context, answer)
        return catalog_service_pb2.UpdateProductResponse.FromString(answer.body)

    async def SetAvailability(
        self, request: catalog_service_pb2.SetAvailabilityRequest, context: Context
    ) -> catalog_service_pb2.SetAvailabilityResponse:
        def decide(document: bytes) -> Change:
            after, is_new = marked(document, request)
            answer = catalog_service_pb2.SetAvailabilityResponse(changed=is_new)
            return Change(after if is_new else None, answer.SerializeToString())

        scope = scope_of(current().principal, "SetAvailability", request.request_id)
        answer = await self._store.change(scope, keyless(request), decide)
        tell_replayed(context, answer)
        return catalog_service_pb2.SetAvailabilityResponse.FromString(answer.body)

    async def SetStock(
        self, request: catalog_service_pb2.SetStockRequest, context: Context
    ) -> catalog_service_pb2.SetStockResponse:
        count = request.count if request.HasField("count") else None

        def decide(_: int | None) -> StockChange:
            answer = catalog_service_pb2.SetStockResponse(count=count)
            return StockChange(count, answer.SerializeToString())

        answer = await self._counted("SetStock", request, decide)
        tell_replayed(context, answer)
        return catalog_service_pb2.SetStockResponse.FromString(answer.body)

    async def AdjustStock(
        self, request: catalog_service_pb2.AdjustStockRequest, context: Context
    ) -> catalog_service_pb2.AdjustStockResponse:
        def decide(before: int | None) -> StockChange:
            if before is None:
                raise stock_not_counted(request.product_id)
            if before + request.delta < 0:
                raise stock_too_low(request.product_id, before)
            if 0 < request.delta > MOST_COUNTED - before:
                raise stock_too_high()
            answer = catalog_service_pb2.AdjustStockResponse(count=before + request.delta)
            return StockChange(before + request.delta, answer.SerializeToString())

        answer = await self._counted("AdjustStock", request, decide)
        tell_replayed(context, answer)
        return catalog_service_pb2.AdjustStockResponse.FromString(answer.body)

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

    async def _counted(
        self,
        rpc: str,
        request: catalog_service_pb2.SetStockRequest | catalog_service_pb2.AdjustStockRequest,
        decide: Callable[[int | None], StockChange],
    ) -> Answer:
        if request.product_id not in (await self._edition()).catalog.products_by_id:
            raise product_not_found(request.product_id)
        scope = scope_of(current().principal, rpc, request.request_id)
        return await self._store.count_stock(scope, keyless(request), request.product_id, decide)

    async def _shown(
        self, edition: Edition, product_ids: Sequence[str]
    ) -> list[catalog_pb2.Product]:
        """Products as they can be had now, with what is left of those that are counted."""
        products = self._products.of(edition)
        counted = edition.stock.counted.intersection(product_ids)
        left = await self._store.stock(edition.tenant_id, counted)
        return [
            _with_count(products[id_], left[id_]) if id_ in left else products[id_]
            for id_ in product_ids
        ]


def _imported(edition: Edition) -> catalog_pb2.Catalog:
    return catalog_pb2.Catalog.FromString(edition.document)


def _served(edition: Edition) -> catalog_pb2.Catalog:
    message = _imported(edition)
    for product in message.products:
        product.unavailable = not edition.catalog.products_by_id[product.product_id].available
        product.served = edition.served.hours(product.product_id)
    return message


def _ids(edition: Edition) -> list[str]:
    return sorted(edition.catalog.products_by_id)


def _products(edition: Edition) -> dict[str, catalog_pb2.Product]:
    products = {product.product_id: product for product in _imported(edition).products}
    for id_, product in products.items():
        product.available_now = edition.catalog.products_by_id[id_].available
    return products


def _with_count(product: catalog_pb2.Product, count: int) -> catalog_pb2.Product:
    shown = catalog_pb2.Product()
    shown.CopyFrom(product)
    shown.stock_count = count
    return shown


def _filter(
    request: catalog_service_pb2.ListProductsRequest | catalog_service_pb2.SearchProductsRequest,
) -> ProductFilter:
    return ProductFilter(
        category=request.category,
        name_prefix=request.name_prefix,
        without_allergens=tuple(request.without_allergens),
        is_available=request.available_only,
    )
