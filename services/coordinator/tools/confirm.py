"""The tool `confirm`: the cart the guest has just approved becomes an order."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from services.coordinator.models.port import ToolOffer
from services.coordinator.sessions.cart import Cart, Focus, names_of, to_json, without
from services.coordinator.sessions.turn import CallKey, PlacedOrder
from services.coordinator.tools.guard import Refusal, asks_for_more, refusal
from services.coordinator.tools.ports import CartRejected, Orders, Origin, QuoteExpired, SoldOut
from services.coordinator.tools.tool import Effect, Situation, ToolResult

_OFFER = ToolOffer(
    "confirm",
    "Places the order. Works only right after the guest approved the read-back of this very cart.",
    {"type": "object", "properties": {}, "additionalProperties": False},
)


@dataclass(frozen=True, slots=True)
class Confirm:
    """Quotes the cart and places the order, if the guard lets it.

    Where it cannot be placed as approved (something sold out, another price, a quote that ran out,
    a yes that orders more in the same breath) the cart becomes what can be had now, and its
    read-back asks the guest again.
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
        key, cart = str(situation.key), situation.cart
        reading = await self.orders.read(situation.user_text, cart, situation.focus)
        if asks_for_more(cart, reading.cart):
            return self._refused(Refusal.CART_CHANGED, reading.cart, reading.focus)
        try:
            quote = await self.orders.quote(cart, key)
        except SoldOut as sold_out:
            return await self._without(sold_out.ids, situation)
        if why := refusal(quote.cart, situation.consent):
            return self._refused(why, quote.cart, situation.focus)
        try:
            order = await self.orders.place(quote.quote_id, key, _origin(situation))
            return _placed(order, quote.cart)
        except QuoteExpired:
            return self._refused("quote_expired", quote.cart, situation.focus)

    async def _without(self, ids: frozenset[str], situation: Situation) -> ToolResult:
        gone = names_of(situation.cart, ids)
        cart = without(situation.cart, ids)
        if cart.is_empty:
            return self._refused("sold_out", Cart(), Focus(), gone)
        try:
            # Quoted anew for its names and prices; the guest has yet to approve it.
            quote = await self.orders.quote(cart, f"{situation.key}/less")
        except (SoldOut, CartRejected):
            return self._refused("sold_out", Cart(), Focus(), gone)
        return self._refused("sold_out", quote.cart, situation.focus, gone)

    def _refused(
        self,
        problem: Refusal | str,
        cart: Cart,
        focus: Focus,
        gone: tuple[str, ...] = (),
    ) -> ToolResult:
        content = {
            "ok": False,
            "problem": str(problem),
            "sold_out": list(gone),
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
