"""The tool `apply_promos`: codes the guest names are put on the cart."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from services.coordinator.models.port import ToolOffer
from services.coordinator.sessions.cart import Cart, to_json
from services.coordinator.tools.ports import CartRejected, Orders
from services.coordinator.tools.tool import Effect, InvalidArguments, Situation, ToolResult

_MOST_CODES = 10
_LONGEST_CODE = 40

_OFFER = ToolOffer(
    "apply_promos",
    "Puts codes of promotions on the cart; tells what they take off, or why they bring nothing. "
    "An empty list takes all codes off again.",
    {
        "type": "object",
        "properties": {
            "codes": {
                "type": "array",
                "description": "The codes, as the guest wrote them.",
                "items": {"type": "string", "minLength": 1, "maxLength": _LONGEST_CODE},
                "maxItems": _MOST_CODES,
            }
        },
        "required": ["codes"],
        "additionalProperties": False,
    },
)


@dataclass(frozen=True, slots=True)
class ApplyPromos:
    """Has orders price the cart with the codes."""

    orders: Orders
    read_back: Callable[[Cart], str]
    offer: ToolOffer = _OFFER
    effect: Effect = Effect.NONE

    async def call(self, arguments: Mapping[str, Any], situation: Situation) -> ToolResult:
        """The cart with what is off, and why codes bring nothing; `ok` false without a cart."""
        codes = _codes(arguments)
        cart = situation.cart
        if cart.is_empty:
            return _refused("empty_cart", situation)
        try:
            kept = cart if codes else replace(cart, promotion_codes=())
            promoted = await self.orders.apply(kept, codes)
        except CartRejected:
            return _refused("cart_rejected", situation)
        content = {
            "ok": True,
            "cart": to_json(promoted.cart),
            "changed": promoted.cart != cart,
            "discounts": [
                {"name": discount.display_name, "reason": discount.reason}
                for discount in promoted.cart.discounts
            ],
            "refusals": [
                {"code": refusal.code, "reason": refusal.reason} for refusal in promoted.refusals
            ],
            "read_back": self.read_back(promoted.cart),
        }
        return ToolResult(True, content, promoted.cart, situation.focus)


def _codes(arguments: Mapping[str, Any]) -> tuple[str, ...]:
    codes = arguments.get("codes")
    if not isinstance(codes, list) or len(codes) > _MOST_CODES:
        raise InvalidArguments(f"codes must be a list of at most {_MOST_CODES}")
    if not all(isinstance(code, str) and 0 < len(code) <= _LONGEST_CODE for code in codes):
        raise InvalidArguments(f"a code is a string of 1 to {_LONGEST_CODE} characters")
    return tuple(codes)


def _refused(problem: str, situation: Situation) -> ToolResult:
    content = {"ok": False, "problem": problem}
    return ToolResult(False, content, situation.cart, situation.focus)
