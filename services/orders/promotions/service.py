"""maitred.orders.v1.PromotionService."""

from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime
from typing import Any

import grpc
from maitred.orders.v1 import promotion_pb2, promotion_service_pb2, promotion_service_pb2_grpc

from services.chassis.data.pages import PageTokens, page_size
from services.chassis.rpc.call import current
from services.chassis.rpc.repeats import keyless, scope_of, tell_replayed
from services.chassis.rpc.server import ServicerBinding
from services.orders.catalog.model import Catalog
from services.orders.catalog.ports import CurrentCatalog
from services.orders.promotions.checking import InvalidPromotion, check
from services.orders.promotions.convert import (
    promotion_exists,
    promotion_invalid,
    promotion_not_found,
    stamped,
    to_promotion,
)
from services.orders.promotions.offers import Change, Offers
from services.orders.promotions.store import PromotionStore

Context = grpc.aio.ServicerContext[Any, Any]


class PromotionService(promotion_service_pb2_grpc.PromotionServiceServicer):
    """Keeps promotions."""

    def __init__(
        self,
        store: PromotionStore,
        catalog: CurrentCatalog,
        tokens: PageTokens,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._tokens = tokens
        self._clock = clock

    @property
    def binding(self) -> ServicerBinding:
        """How a server serves it."""
        return ServicerBinding(
            "maitred.orders.v1.PromotionService",
            promotion_service_pb2_grpc.add_PromotionServiceServicer_to_server,
            self,
        )

    async def CreatePromotion(
        self, request: promotion_service_pb2.CreatePromotionRequest, context: Context
    ) -> promotion_service_pb2.CreatePromotionResponse:
        principal = current().principal
        edition = await self._catalog(principal.tenant_id)

        def decide(offers: Offers) -> Change:
            message = request.promotion
            if message.promotion_id in offers.documents:
                raise promotion_exists(message.promotion_id)
            _check(message, offers, edition.catalog)
            stored = stamped(message, create_time=None, now=self._clock())
            answer = promotion_service_pb2.CreatePromotionResponse(promotion=stored)
            return _put(stored, answer.SerializeToString())

        scope = scope_of(principal, "CreatePromotion", request.request_id)
        answer = await self._store.change(scope, keyless(request), decide)
        tell_replayed(context, answer)
        return promotion_service_pb2.CreatePromotionResponse.FromString(answer.body)

    async def ListPromotions(
        self, request: promotion_service_pb2.ListPromotionsRequest, context: Context
    ) -> promotion_service_pb2.ListPromotionsResponse:
        arguments = {"list": "promotions"}
        position = self._tokens.decode(request.page_token, arguments)
        offers = await self._store.current(current().principal.tenant_id)
        ids = list(offers.documents)
        start = bisect_right(ids, str(position[0])) if position else 0
        page = ids[start : start + page_size(request.page_size)]
        more = start + len(page) < len(ids)
        return promotion_service_pb2.ListPromotionsResponse(
            promotions=[promotion_pb2.Promotion.FromString(offers.documents[id_]) for id_ in page],
            next_page_token=self._tokens.encode([page[-1]], arguments) if more else "",
        )

    async def GetPromotion(
        self, request: promotion_service_pb2.GetPromotionRequest, context: Context
    ) -> promotion_service_pb2.GetPromotionResponse:
        offers = await self._store.current(current().principal.tenant_id)
        return promotion_service_pb2.GetPromotionResponse(
            promotion=_stored(request.promotion_id, offers)
        )

    async def UpdatePromotion(
        self, request: promotion_service_pb2.UpdatePromotionRequest, context: Context
    ) -> promotion_service_pb2.UpdatePromotionResponse:
        principal = current().principal
        edition = await self._catalog(principal.tenant_id)

        def decide(offers: Offers) -> Change:
            before = _stored(request.promotion.promotion_id, offers)
            _check(request.promotion, offers, edition.catalog)
            stored = stamped(request.promotion, create_time=before.create_time, now=self._clock())
            answer = promotion_service_pb2.UpdatePromotionResponse(promotion=stored)
            return _put(stored, answer.SerializeToString())

        scope = scope_of(principal, "UpdatePromotion", request.request_id)
        answer = await self._store.change(scope, keyless(request), decide)
        tell_replayed(context, answer)
        return promotion_service_pb2.UpdatePromotionResponse.FromString(answer.body)

    async def DeletePromotion(
        self, request: promotion_service_pb2.DeletePromotionRequest, context: Context
    ) -> promotion_service_pb2.DeletePromotionResponse:
        def decide(offers: Offers) -> Change:
            stored = _stored(request.promotion_id, offers)
            answer = promotion_service_pb2.DeletePromotionResponse()
            return Change(stored.promotion_id, None, answer.SerializeToString())

        scope = scope_of(current().principal, "DeletePromotion", request.request_id)
        answer = await self._store.change(scope, keyless(request), decide)
        tell_replayed(context, answer)
        return promotion_service_pb2.DeletePromotionResponse.FromString(answer.body)


def _check(message: promotion_pb2.Promotion, offers: Offers, catalog: Catalog) -> None:
    """Raises PROMOTION_INVALID unless the tenant can have it beside its others."""
    others = [one for id_, one in offers.promotions.items() if id_ != message.promotion_id]
    try:
        check(to_promotion(message), others, catalog)
    except InvalidPromotion as refused:
        raise promotion_invalid(refused) from refused


def _stored(promotion_id: str, offers: Offers) -> promotion_pb2.Promotion:
    """The promotion as stored. Raises PROMOTION_NOT_FOUND."""
    document = offers.documents.get(promotion_id)
    if document is None:
        raise promotion_not_found(promotion_id)
    return promotion_pb2.Promotion.FromString(document)


def _put(stored: promotion_pb2.Promotion, answer: bytes) -> Change:
    return Change(stored.promotion_id, stored.SerializeToString(), answer)
