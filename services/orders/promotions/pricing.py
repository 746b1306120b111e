"""What promotions take off a bill, explained line by line.

Of the promotions that compete a line has at most one: the one that takes off most of it. A bundle
takes the lines it is made of where it takes off more than their promotions do together; bundles
that take off most come first. Promotions that stack are then taken off what is left of each line
they are for, but for those in a bundle. Of what is then left of the order at most one competing
promotion of the whole order is taken off, again the one that takes off most, and then those that
stack. An exclusive promotion is taken alone, if it takes off more than all others together.

Among equals the smaller id wins, and those that stack go by id, so neither the order of promotions
nor that of lines matters. A percentage is rounded half up once for its line or for the order.
Nothing is taken off twice and nothing costs less than nothing.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.orders.promotions.bill import Bill, Item
from services.orders.promotions.bundles import Sets, sets_of
from services.orders.promotions.customer import Customer
from services.orders.promotions.discount import Discount
from services.orders.promotions.promotion import (
    Amount,
    Bundle,
    Percentage,
    Promotion,
    Stacking,
)
from services.orders.promotions.wording import bundle_reason, line_reason, order_reason


@dataclass(frozen=True, slots=True)
class _Cut:
    """What one promotion would take off one line."""

    promotion: Promotion
    off: Percentage | Amount
    amount: int


@dataclass(frozen=True, slots=True)
class _Bundled:
    """What one bundle would take off the lines it is made of."""

    promotion: Promotion
    bundle: Bundle
    sets: Sets


def discounts(
    promotions: Sequence[Promotion],
    bill: Bill,
    codes: Sequence[str],
    local: datetime,
    customer: Customer,
) -> tuple[Discount, ...]:
    """What is off: of lines in their order, of bundles, of lines again, then of the whole order.

    Args:
        promotions: all the tenant has.
        bill: what is bought.
        codes: codes the guest knows, in capitals.
        local: the time at the counter.
        customer: who buys.
    """
    offered = [
        promotion
        for promotion in sorted(promotions, key=lambda one: one.id)
        if promotion.is_on(local)
        and bill.total >= promotion.minimum_subtotal
        and (not promotion.code or promotion.code in codes)
        and customer.may_have(promotion)
    ]
    alone = [[one] for one in offered if one.stacking is Stacking.EXCLUSIVE]
    together = [one for one in offered if one.stacking is not Stacking.EXCLUSIVE]
    # `max` keeps the first of equals.
    return max((_together(some, bill) for some in (together, *alone)), key=_sum)


def _together(offered: Sequence[Promotion], bill: Bill) -> tuple[Discount, ...]:
    """What promotions take off beside each other."""
    stacking = [one for one in offered if one.stacking is Stacking.STACKS]
    competing = [one for one in offered if one.stacking is not Stacking.STACKS]
    cuts = dict(_line_cuts(competing, bill.items))
    bundled = _bundles(competing, bill.items, cuts)
    taken = {line_id for one in bundled for line_id in one.sets.units}
    alone = {line_id: cut for line_id, cut in cuts.items() if line_id not in taken}
    free = [item for item in bill.items if item.line_id not in taken]
    found = [*_of_lines(alone, bill), *_of_bundles(bundled, bill)]
    found += _on_top_of_lines(stacking, free, found, bill.currency)
    left = max(0, bill.total - _sum(found))
    best = min(competing, key=lambda one: (-off_order(one, left), one.id), default=None)
    found += _of_order(filter(None, (best, *stacking)), left, bill.currency)
    return tuple(_bounded(found, bill.total))


def share(amount: int, percent: int) -> int:
    """So many per cent of an amount, rounded half up."""
    return (amount * percent + 50) // 100


def off_line(promotion: Promotion, item: Item, left: int) -> int:
    """What a promotion takes off a line of which so much is left; 0 if it is not for it."""
    if promotion.off is None or not promotion.scope.covers(item.product_id, item.category):
        return 0
    if isinstance(promotion.off, Amount):
        return min(min(promotion.off.amount, item.unit_price) * item.quantity, left)
    return share(left, promotion.off.percent)


def off_order(promotion: Promotion, left: int) -> int:
    """What a promotion takes off an order of which so much is left; 0 if it is not for orders."""
    if promotion.off is None or not promotion.scope.is_everything:
        return 0
    if isinstance(promotion.off, Amount):
        return min(promotion.off.amount, left)
    return share(left, promotion.off.percent)


def _line_cuts(offered: Sequence[Promotion], items: Sequence[Item]) -> Iterator[tuple[str, _Cut]]:
    """The best promotion of each line that has one, by line id."""
    for item in items:
        cuts = [
            _Cut(promotion, promotion.off, amount)
            for promotion in offered
            if promotion.off is not None and (amount := off_line(promotion, item, item.total))
        ]
        if cuts:
            yield item.line_id, min(cuts, key=lambda cut: (-cut.amount, cut.promotion.id))


def _bundles(
    offered: Sequence[Promotion], items: Sequence[Item], cuts: Mapping[str, _Cut]
) -> list[_Bundled]:
    """The bundles that take off more than the promotions of the lines they are made of."""
    possible = list(_bundled(offered, items))
    possible.sort(key=lambda one: (-one.sets.amount, one.promotion.id))
    taken: list[_Bundled] = []
    free = list(items)
    for candidate in possible:
        for one in _bundled([candidate.promotion], free):
            outdone = sum(cuts[line_id].amount for line_id in one.sets.units if line_id in cuts)
            if one.sets.amount > outdone:
                taken.append(one)
                free = [item for item in free if item.line_id not in one.sets.units]
    return taken


def _bundled(offered: Sequence[Promotion], items: Sequence[Item]) -> Iterator[_Bundled]:
    for promotion in offered:
        if isinstance(promotion.terms, Bundle) and (sets := sets_of(promotion.terms, items)):
            yield _Bundled(promotion, promotion.terms, sets)


def _of_lines(cuts: Mapping[str, _Cut], bill: Bill) -> Iterator[Discount]:
    for item in bill.items:
        if cut := cuts.get(item.line_id):
            reason = line_reason(cut.promotion, cut.off, item, bill.currency)
            yield _discount(cut.promotion, reason, cut.amount, item.line_id)


def _of_bundles(bundled: Sequence[_Bundled], bill: Bill) -> Iterator[Discount]:
    for one in bundled:
        reason = bundle_reason(one.promotion, one.bundle, one.sets, bill)
        discount = _discount(one.promotion, reason, one.sets.amount)
        yield replace(discount, bundled=tuple(one.sets.costs.items()))


def _on_top_of_lines(
    stacking: Sequence[Promotion], items: Sequence[Item], found: Sequence[Discount], currency: str
) -> Iterator[Discount]:
    off = Counter[str]()
    for discount in found:
        off[discount.line_id] += discount.amount
    for item in items:
        for promotion in stacking:
            left = item.total - off[item.line_id]
            amount = off_line(promotion, item, left)
            if promotion.off is not None and amount > 0:
                off[item.line_id] += amount
                reason = line_reason(promotion, promotion.off, item, currency)
                yield _discount(promotion, reason, amount, item.line_id)


def _of_order(promotions: Iterable[Promotion], left: int, currency: str) -> Iterator[Discount]:
    for promotion in promotions:
        amount = off_order(promotion, left)
        if promotion.off is not None and amount:
            left -= amount
            yield _discount(promotion, order_reason(promotion, promotion.off, currency), amount)


def _sum(found: Sequence[Discount]) -> int:
    return sum(discount.amount for discount in found)


def _bounded(found: Sequence[Discount], total: int) -> Iterator[Discount]:
    """The discounts as far as there is something left to take them off.

    Choices about the whole order may make it cheaper than its lines.
    """
    for discount in found:
        amount = min(discount.amount, total)
        total -= amount
        if amount:
            yield replace(discount, amount=amount)


def _discount(promotion: Promotion, reason: str, amount: int, line_id: str = "") -> Discount:
    return Discount(
        promotion.id,
        promotion.name,
        reason,
        amount,
        line_id,
        uses_per_customer=promotion.uses_per_customer,
        is_first_order_only=promotion.is_first_order_only,
    )
