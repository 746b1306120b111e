"""What promotions do to a cart: lines that take something off, and codes that bring nothing."""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Discount:
    """What one promotion takes off, above 0 minor units, and why in one sentence.

    `line_id` is the line it is about; empty for a bundle of several, or the whole cart. `bundled`
    is what things bought together cost without it, by line id; of a bundle only. The limits are
    the promotion's, to be looked at again when the order is placed.
    """

    promotion_id: str
    name: str
    reason: str
    amount: int
    line_id: str = ""
    bundled: tuple[tuple[str, int], ...] = ()
    uses_per_customer: int = 0
    is_first_order_only: bool = False


class CodeProblem(Enum):
    """Why a code brings nothing."""

    UNKNOWN = "unknown"
    NOT_NOW = "not_now"
    CART_DOES_NOT_QUALIFY = "cart_does_not_qualify"
    OUTDONE = "outdone"
    USED_UP = "used_up"
    NOT_A_FIRST_ORDER = "not_a_first_order"


@dataclass(frozen=True, slots=True)
class CodeRefusal:
    """A code that brings nothing, as given, and why in one sentence for the guest."""

    code: str
    problem: CodeProblem
    reason: str
