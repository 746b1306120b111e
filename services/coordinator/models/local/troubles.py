"""What could not be put in the cart or ordered, said to the guest."""

from collections.abc import Mapping
from typing import Any

from services.coordinator.models.local import replies
from services.coordinator.models.local.views import UpdateView

_REFUSED = {
    "promotion_used_up": replies.PROMOTION_USED_UP,
    "quote_expired": replies.QUOTE_EXPIRED,
}


def troubles(update: UpdateView) -> str:
    """Say what was left out and why; empty for nothing."""
    told = []
    if update.was_reset:
        told.append("Our menu has changed, so I had to start your order afresh.")
    for refused in update.refusals:
        match refused.kind:
            case "sold_out":
                told.append(
                    replies.not_served(refused.phrase, refused.served)
                    if refused.served
                    else replies.sold_out(refused.phrase)
                )
            case "not_offered":
                told.append(replies.not_offered(refused.phrase, refused.product_name))
            case "too_many":
                told.append(replies.too_many(refused.phrase))
            case _:
                told.append(replies.not_on_menu(refused.phrase))
    return " ".join(dict.fromkeys(told))


def troubles_of_order(content: Mapping[str, Any]) -> str:
    """Say why the order could not be placed as it was approved; empty for nothing to be said."""
    if gone := _names(content, "sold_out"):
        return replies.sold_out(replies.join(gone))
    if ended := _names(content, "ended"):
        return replies.promotions_ended(ended)
    otherwise = replies.REPRICED if content.get("repriced") else ""
    return _REFUSED.get(str(content.get("problem")), otherwise)


def _names(content: Mapping[str, Any], field: str) -> tuple[str, ...]:
    return tuple(map(str, content.get(field, ())))
