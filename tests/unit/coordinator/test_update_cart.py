"""What a model may ask of the tool `update_cart`."""

from typing import Any, cast
from uuid import UUID

import pytest

from services.coordinator.sessions.cart import Cart, Focus
from services.coordinator.sessions.turn import CallKey, Owner
from services.coordinator.tools.guard import Consent
from services.coordinator.tools.ports import Orders
from services.coordinator.tools.tool import InvalidArguments, Situation
from services.coordinator.tools.update_cart import UpdateCart

NEVER_ASKED = cast("Orders", object())
SITUATION = Situation(
    key=CallKey(UUID(int=1), "serve", 0),
    owner=Owner(UUID(int=3), "gst_1"),
    session_id=UUID(int=2),
    user_text="a latte",
    consent=Consent("", approved=False),
    cart=Cart(),
    focus=Focus(),
)


@pytest.mark.parametrize("arguments", [{}, {"text": 1}, {"text": ""}, {"text": "x" * 2001}])
async def test_words_that_orders_would_refuse_are_told_to_the_model(
    arguments: dict[str, Any],
) -> None:
    with pytest.raises(InvalidArguments, match="text must"):
        await UpdateCart(NEVER_ASKED, lambda _: "").call(arguments, SITUATION)
