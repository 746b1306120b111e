"""The cart guard: an order is placed only if the guest approved exactly this cart just now.

It stands outside of model and workflow: whatever they ask for, without a read-back and an explicit
yes to it nothing reaches the kitchen.
"""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from services.coordinator.sessions.cart import Cart, CartLine, fingerprint


class Refusal(StrEnum):
    """Why an order may not be placed now."""

    EMPTY_CART = "empty_cart"
    NOT_READ_BACK = "not_read_back"
    CART_CHANGED = "cart_changed"
    NOT_APPROVED = "not_approved"


@dataclass(frozen=True, slots=True)
class Consent:
    """What the guest has said yes to.

    Attributes:
        read_back: fingerprint of the cart that the assistant's previous message read back; empty
            if it read none back.
        approved: whether the guest's message is an explicit yes.
    """

    read_back: str
    approved: bool


def is_read_back(text: str, words: str) -> bool:
    """Whether an answer reads a cart back in these words, and asks nothing else after them.

    Else a yes to another question would order. Spaces and line breaks are a model's own.
    """
    _, found, after = " ".join(text.split()).rpartition(" ".join(words.split()))
    return bool(found) and "?" not in after


def refusal(cart: Cart, consent: Consent) -> Refusal | None:
    """Why the cart may not be ordered; None when it may."""
    if cart.is_empty:
        return Refusal.EMPTY_CART
    if not consent.read_back:
        return Refusal.NOT_READ_BACK
    if fingerprint(cart) != consent.read_back:
        return Refusal.CART_CHANGED
    if not consent.approved:
        return Refusal.NOT_APPROVED
    return None


def asks_for_more(cart: Cart, after: Cart) -> bool:
    """Whether words that make the one cart the other change it beyond repeating what is there.

    A guest who says yes and orders something else in the same breath approves another cart.
    """
    had, has = _counted(cart), _counted(after)
    if any(more > 0 and more != had[id_] for id_ in has if (more := has[id_] - had[id_])):
        return True
    return _swaps(cart, after)


def _swaps(cart: Cart, after: Cart) -> bool:
    """Whether a line that stays would be made the way another line of the cart is."""
    made = {line.line_id: _made(line) for line in cart.lines}
    for line in after.lines:
        gained = _made(line) - made.get(line.line_id, _made(line))
        others = [way for id_, way in made.items() if id_ != line.line_id]
        if gained and gained <= frozenset[tuple[str, str]]().union(*others):
            return True
    return False


def _made(line: CartLine) -> frozenset[tuple[str, str]]:
    options = {(option.option_group_id, option.option_id) for option in line.options}
    return frozenset(options | {("", add_on.add_on_id) for add_on in line.add_ons})


def _counted(cart: Cart) -> Counter[str]:
    counted = Counter[str]()
    for line in cart.lines:
        counted[line.product_id] += line.quantity
    return counted
