"""The tool `confirm`: the cart the guest has just approved becomes an order."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from services.coordinator.models.port import ToolOffer
from services.coordinator.sessions.cart import Cart, Focus, names_of, to_json, without
from services.coordinator.sessions.turn import CallKey, PlacedOrder
from services.coordinator.tools.guard import Refusal, asks_for_more, refusal
from services.coordinator.tools.ports import (
    CartRejected,
    Orders,
    Origin,
    PromotionUsedUp,
    QuoteExpired,
    SoldOut,
)
from services.coordinator.tools.shortage import Shortage, focus_on, shortages
from services.coordinator.tools.shortage import to_json as few_to_json
from services.coordinator.tools.tool import Effect, Situation, ToolResult

_OFFER = ToolOffer(
    "confirm",
    "Places the order. Works only right after the guest approved the read-back of this very cart.",
    {"type": "object", "properties": {}, "additionalProperties": False},
)


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Names of what cannot be had, what there is too little of, names of promotions that ended."""

    gone: tuple[str, ...] = ()
    few: tuple[Shortage, ...] = ()
    ended: tuple[str, ...] = ()
    is_repriced: bool = False


@dataclass(frozen=True, slots=True)
class Confirm:
    """Quotes the cart and places the order, if the guard lets it.

    Where it cannot be placed as approved (something sold out, another price, a quote that ran out,
    a promotion used up, a yes that orders more in the same breath) the cart becomes what can be had
    now, and its read-back asks the guest again. Where some are left, only the guest makes it fewer.
    """

    orders: Orders
    read_back: Callable[[Cart], str]
    offer: ToolOffer = _OFFER
    effect: Effect = Effect.IDEMPOTENT

    async def call(self, arguments: Mapping[str, Any], situation: Situation) -> ToolResult:
        """The order; or `ok` false with the `problem`, the cart as it is now and its read-back."""
        if situation.is_retry:
            order = await self.find_placed(situation.key, situation.cart)
            if order is not None:
                return _placed(order, situation.cart)
        if why := refusal(situation.cart, situation.consent):
            return self._refused(why, situation.cart, situation.focus)
        try:
            return await self._ordered(situation)
        except CartRejected:
            return self._refused("cart_rejected", Cart(), Focus())

    async def find_placed(self, key: CallKey, cart: Cart) -> PlacedOrder | None:
        """The order a call of this key has placed, None if it placed none."""
        try:
            quote = await self.orders.quote(cart, str(key))
        except (SoldOut, CartRejected):
            return None
        return await self.orders.find_order(quote.quote_id)

    async def _ordered(self, situation: Situation) -> ToolResult:
        reading = await self.orders.read(situation.user_text, situation.cart, situation.focus)
        if asks_for_more(situation.cart, reading.cart):
            few = shortages(reading.cart, reading.left)
            focus = focus_on(few, reading.focus)
            return self._refused(Refusal.CART_CHANGED, reading.cart, focus, _Trouble(few=few))
        try:
            return await self._placed_as_approved(situation)
        except SoldOut as sold_out:
            return await self._as_far_as_left(sold_out, situation)

    async def _placed_as_approved(self, situation: Situation) -> ToolResult:
        key = str(situation.key)
        quote = await self.orders.quote(situation.cart, key)
        if why := refusal(quote.cart, situation.consent):
            return self._repriced(why, quote.cart, situation)
        try:
            order = await self.orders.place(quote.quote_id, key, _origin(situation))
        except (QuoteExpired, PromotionUsedUp) as refused:
            used_up = isinstance(refused, PromotionUsedUp)
            again = await self.orders.quote(situation.cart, f"{key}/again")
            problem = "promotion_used_up" if used_up else "quote_expired"
            return self._repriced(problem, again.cart, situation)
        return _placed(order, quote.cart)

    def _repriced(self, problem: Refusal | str, cart: Cart, situation: Situation) -> ToolResult:
        had, has = situation.cart, {one.promotion_id for one in cart.discounts}
        ended = [one.display_name for one in had.discounts if one.promotion_id not in has]
        trouble = _Trouble(
            ended=tuple(dict.fromkeys(ended)),
            is_repriced=cart.payable_minor != had.payable_minor,
        )
        return self._refused(problem, cart, situation.focus, trouble)

    async def _as_far_as_left(self, sold_out: SoldOut, situation: Situation) -> ToolResult:
        cart, left = situation.cart, sold_out.left
        trouble = _Trouble(gone=names_of(cart, sold_out.gone))
        if sold_out.gone:
            cart = without(cart, sold_out.gone)
            if cart.is_empty:
                return self._refused("sold_out", Cart(), Focus(), trouble)
            try:
                # Quoted anew for its names and prices; the guest has yet to approve it.
                cart = (await self.orders.quote(cart, f"{situation.key}/less")).cart
            except SoldOut as again:
                if again.gone:
                    return self._refused("sold_out", Cart(), Focus(), trouble)
                cart, left = (await self.orders.apply(cart, ())).cart, again.left
            except CartRejected:
                return self._refused("sold_out", Cart(), Focus(), trouble)
        few = shortages(cart, left)
        focus = focus_on(few, situation.focus)
        return self._refused("sold_out", cart, focus, replace(trouble, few=few))

    def _refused(
        self,
        problem: Refusal | str,
        cart: Cart,
        focus: Focus,
        trouble: "_Trouble | None" = None,
    ) -> ToolResult:
        trouble = trouble or _Trouble()
        content = {
            "ok": False,
            "problem": str(problem),
            "sold_out": list(trouble.gone),
            "few": few_to_json(trouble.few),
            "ended": list(trouble.ended),
            "repriced": trouble.is_repriced,
            "cart": to_json(cart),
            "read_back": "" if cart.is_empty else self.read_back(cart),
        }
        return ToolResult(False, content, cart, focus)


def _origin(situation: Situation) -> Origin:
    session_id = f"ses_{situation.session_id.hex}"
    serving = situation.serving
    if serving is None:
        return Origin(session_id)
    return Origin(session_id, serving.decision_id, serving.recommendation_ids)


def _placed(order: PlacedOrder, cart: Cart) -> ToolResult:
    content = {
        "ok": True,
        "order_id": order.order_id,
        "total_minor": order.total_minor,
        "currency_code": order.currency_code,
        "cart": to_json(cart),
    }
    return ToolResult(True, content, Cart(), Focus(), order)
