"""The tool `update_cart`: the guest's words become changes of the cart."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from services.coordinator.models.port import ToolOffer
from services.coordinator.sessions.cart import Cart, is_alike, to_json
from services.coordinator.tools.ports import CartRejected, Orders
from services.coordinator.tools.shortage import focus_on, shortages
from services.coordinator.tools.shortage import to_json as few_to_json
from services.coordinator.tools.tool import (
    Effect,
    InvalidArguments,
    Situation,
    ToolResult,
    text_argument,
)

# What orders read at once.
_LONGEST_TEXT = 2000

_OFFER = ToolOffer(
    "update_cart",
    "Changes the cart by what the guest said: adds, changes, removes, empties.",
    {
        "type": "object",
        "properties": {
            "text": {
                "type": "string",
                "description": "The guest's own words about the order, unchanged.",
                "minLength": 1,
                "maxLength": _LONGEST_TEXT,
            }
        },
        "required": ["text"],
        "additionalProperties": False,
    },
)


@dataclass(frozen=True, slots=True)
class UpdateCart:
    """Has orders read the guest's words; nothing the catalog lacks can get into a cart."""

    orders: Orders
    read_back: Callable[[Cart], str]
    offer: ToolOffer = _OFFER
    effect: Effect = Effect.NONE

    async def call(self, arguments: Mapping[str, Any], situation: Situation) -> ToolResult:
        """The cart after `text`, what was not understood, and how to read the cart back.

        `few` names what the cart has more of than are left.
        """
        text = text_argument(arguments, "text")
        if not 0 < len(text) <= _LONGEST_TEXT:
            raise InvalidArguments(f"text must have 1 to {_LONGEST_TEXT} characters")
        cart = situation.cart
        try:
            reading = await self.orders.read(text, cart, situation.focus)
        except CartRejected:
            # The catalog changed under the cart: what no longer fits cannot be kept.
            cart = Cart()
            reading = await self.orders.read(text, cart, situation.focus)
        few = shortages(reading.cart, reading.left)
        content = {
            **reading.report,
            "few": few_to_json(few),
            "cart": to_json(reading.cart),
            "changed": not is_alike(reading.cart, situation.cart),
            "cart_was_reset": cart != situation.cart,
            "read_back": "" if reading.cart.is_empty else self.read_back(reading.cart),
        }
        return ToolResult(True, content, reading.cart, focus_on(few, reading.focus))
