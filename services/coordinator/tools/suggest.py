"""The tool `suggest_product`: one thing to offer beside what is in the cart."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.coordinator.models.port import ToolOffer
from services.coordinator.sessions.cart import Cart
from services.coordinator.sessions.serving import Suggestion
from services.coordinator.tools.ports import AgentSettings, Orders
from services.coordinator.tools.tool import Effect, Situation, ToolResult

# How sure it is that something fits which the house chose, or which a rule found.
_CHOSEN = 0.9
_BY_RULE = 0.5

SUGGEST_PRODUCT = "suggest_product"
"""The tool's name; it is offered only to agents that may offer something."""
_OFFER = ToolOffer(
    SUGGEST_PRODUCT,
    "Names one product to offer with what is in the cart, or none. It is not put in the cart.",
    {"type": "object", "properties": {}, "additionalProperties": False},
)

_Product = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SuggestProduct:
    """Finds what the tenant wants offered, else what goes with the cart."""

    orders: Orders
    settings: AgentSettings
    offer: ToolOffer = _OFFER
    effect: Effect = Effect.NONE

    async def call(self, arguments: Mapping[str, Any], situation: Situation) -> ToolResult:
        """The product with its price, null for none."""
        serving = situation.serving
        if serving is None or situation.cart.is_empty:
            return _answer(situation, None, "")
        menu = (await self.orders.menu("")).document
        products = menu.get("products", ())
        preferred = await self.settings.suggested(situation.owner.tenant_id, serving.agent_id)
        product = chosen(products, situation.cart, preferred, serving.offered)
        confidence = _CHOSEN
        if product is None:
            product = fitting(products, situation.cart, serving.offered)
            confidence = _BY_RULE
        return _answer(situation, product, str(menu.get("currency_code", "")), confidence)


def chosen(
    products: Sequence[_Product], cart: Cart, preferred: Sequence[str], offered: Collection[str]
) -> _Product | None:
    """The first preferred product that is on sale, not in the cart and was not offered before."""
    on_sale = {str(p["product_id"]): p for p in _new(products, cart, offered)}
    return next((on_sale[id_] for id_ in preferred if id_ in on_sale), None)


def fitting(products: Sequence[_Product], cart: Cart, offered: Collection[str]) -> _Product | None:
    """What goes with the cart: of a category it lacks, and no dearer than its dearest line.

    Of several the first on the menu that was not offered before; one of each category at most.
    """
    category = {str(p["product_id"]): str(p.get("category", "")) for p in products}
    present = {category.get(line.product_id, "") for line in cart.lines}
    present |= {category[id_] for id_ in offered if id_ in category}
    dearest = max((line.unit_price_minor for line in cart.lines), default=0)
    return next(
        (
            product
            for product in _new(products, cart, offered)
            if str(product.get("category", "")) not in present
            and int(product.get("price_minor", 0)) <= dearest
        ),
        None,
    )


def _new(products: Sequence[_Product], cart: Cart, offered: Collection[str]) -> list[_Product]:
    known = {*offered, *(line.product_id for line in cart.lines)}
    return [p for p in products if p["product_id"] not in known and not p.get("unavailable")]


def _answer(
    situation: Situation, product: _Product | None, currency_code: str, confidence: float = 0.0
) -> ToolResult:
    told = suggestion = None
    if product is not None:
        told = {
            "product_id": str(product["product_id"]),
            "name": str(product["name"]),
            "price_minor": int(product.get("price_minor", 0)),
            "currency_code": currency_code,
        }
        suggestion = Suggestion(str(product["product_id"]), str(product["name"]), confidence)
    content = {"ok": True, "suggestion": told}
    return ToolResult(True, content, situation.cart, situation.focus, suggestion=suggestion)
