"""A priced cart with what promotions take off, and what became of the codes named for it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from services.orders.carts.pricing import PricedCart
from services.orders.catalog.model import Catalog
from services.orders.promotions import wording
from services.orders.promotions.bill import Bill, bill_of
from services.orders.promotions.customer import Customer
from services.orders.promotions.discount import CodeProblem, CodeRefusal, Discount
from services.orders.promotions.pricing import discounts, off_line, off_order
from services.orders.promotions.promotion import Promotion

MOST_CODES = 10


@dataclass(frozen=True, slots=True)
class Redeemed:
    """The cart with its discounts, and the codes that bring nothing.

    Codes that are on today stay in the cart: with other things in it they may bring something.
    """

    cart: PricedCart
    refusals: tuple[CodeRefusal, ...]


def redeem(
    cart: PricedCart,
    catalog: Catalog,
    promotions: Sequence[Promotion],
    codes: Iterable[str],
    now: datetime,
    customer: Customer,
) -> Redeemed:
    """Take off what promotions take off now.

    Args:
        cart: priced by the catalog.
        catalog: says the time zone.
        promotions: all the tenant has.
        codes: as guests write them, `MOST_CODES` of which count.
        now: an instant, which is to say with its zone.
        customer: whose cart it is.
    """
    local, bill = now.astimezone(ZoneInfo(catalog.time_zone)), bill_of(cart, catalog)
    by_code = {promotion.code: promotion for promotion in promotions if promotion.code}
    named = {normal(code): code for code in codes}
    known = [code for code in named if code in by_code and by_code[code].is_on(local)]
    kept, beyond = tuple(known[:MOST_CODES]), known[MOST_CODES:]
    found = discounts(promotions, bill, kept, local, customer)
    refusals = [
        refusal
        for code, written in named.items()
        if code not in beyond
        and (refusal := _refusal(written, by_code.get(code), bill, found, local, customer))
    ]
    for code in beyond:
        reason = wording.too_many(named[code], MOST_CODES)
        refusals.append(CodeRefusal(named[code], CodeProblem.CART_DOES_NOT_QUALIFY, reason))
    return Redeemed(replace(cart, promotion_codes=kept, discounts=found), tuple(refusals))


def normal(code: str) -> str:
    """A code as promotions have it, however a guest writes it."""
    return code.strip().upper()


def _refusal(
    code: str,
    promotion: Promotion | None,
    bill: Bill,
    found: Sequence[Discount],
    local: datetime,
    customer: Customer,
) -> CodeRefusal | None:
    """Why a code brings nothing; None if it does."""
    if promotion is None:
        return CodeRefusal(code, CodeProblem.UNKNOWN, wording.unknown(code))
    if any(discount.promotion_id == promotion.id for discount in found):
        return None
    problem, reason = (
        _not_for(code, promotion, local, customer)
        or _unfit(code, promotion, bill)
        or (
            CodeProblem.OUTDONE,
            wording.outdone(code, tuple(dict.fromkeys(discount.name for discount in found))),
        )
    )
    return CodeRefusal(code, problem, reason)


def _not_for(
    code: str, promotion: Promotion, local: datetime, customer: Customer
) -> tuple[CodeProblem, str] | None:
    """Why it is nothing for this customer now."""
    if not promotion.is_on(local):
        reason = wording.not_now(code, promotion.first_day, promotion.last_day, promotion.hours)
        return CodeProblem.NOT_NOW, reason
    if customer.is_too_late(promotion):
        return CodeProblem.NOT_A_FIRST_ORDER, wording.not_first(code)
    if customer.has_used_up(promotion):
        return CodeProblem.USED_UP, wording.used_up(code, promotion.uses_per_customer)
    return None


def _unfit(code: str, promotion: Promotion, bill: Bill) -> tuple[CodeProblem, str] | None:
    """Why it is nothing for this cart."""
    reason = ""
    if bill.total < promotion.minimum_subtotal:
        reason = wording.too_little(code, promotion.minimum_subtotal, bill.currency)
    elif not off_order(promotion, bill.total) and not any(
        off_line(promotion, item, item.total) for item in bill.items
    ):
        reason = wording.nothing_for(code)
    return (CodeProblem.CART_DOES_NOT_QUALIFY, reason) if reason else None
