"""What could not be put in the cart, said to the guest."""

from services.coordinator.models.local import replies
from services.coordinator.models.local.views import UpdateView


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
