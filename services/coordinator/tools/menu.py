"""The tool `retrieve_menu`: what is on the menu."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.coordinator.models.port import ToolOffer
from services.coordinator.tools.ports import Orders
from services.coordinator.tools.tool import Effect, Situation, ToolResult, text_argument

_OFFER = ToolOffer(
    "retrieve_menu",
    "What the menu has: products with prices, options, extras, allergens.",
    {
        "type": "object",
        "properties": {
            "query": {
                "type": "string",
                "description": "What to look for; empty for an overview of the whole menu.",
            }
        },
        "required": ["query"],
        "additionalProperties": False,
    },
)


@dataclass(frozen=True, slots=True)
class RetrieveMenu:
    """Looks things up on the menu."""

    orders: Orders
    offer: ToolOffer = _OFFER
    effect: Effect = Effect.NONE

    async def call(self, arguments: Mapping[str, Any], situation: Situation) -> ToolResult:
        """What the menu says of `query`."""
        found = await self.orders.menu(text_argument(arguments, "query"))
        return ToolResult(
            True, found.document, situation.cart, situation.focus, content_json=found.text
        )
