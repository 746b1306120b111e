"""What a cart comes to: every option it has, chosen or by default, and every amount.

Amounts are integers in the minor unit of the catalog's currency.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from services.orders.carts.cart import Cart, CartLine
from services.orders.carts.taxes import Tax, spread, taxes
from services.orders.catalog.model import Catalog, Option, OptionGroup, OptionKind
from services.orders.promotions.discount import Discount


@dataclass(frozen=True, slots=True)
class PricedOption:
    """An option a line has. `price_delta` is for one of it; `is_default` where nobody chose it.

    A quantity of 0 is a default option the guest does without.
    """

    group_id: str
    option_id: str
    name: str
    quantity: int
    is_default: bool
    price_delta: int


@dataclass(frozen=True, slots=True)
class PricedAddOn:
    """An extra on each unit of a line, at `price` each."""

    add_on_id: str
    name: str
    quantity: int
    price: int


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A line with names and amounts; `unit_price` is of one with options and extras.

    `tax_rate` is in basis points, of the whole line.
    """

    line_id: str
    product_id: str
    product_name: str
    quantity: int
    options: tuple[PricedOption, ...]
    add_ons: tuple[PricedAddOn, ...]
    note: str
    unit_price: int
    tax_rate: int = 0

    @property
    def total(self) -> int:
        """Price of all units."""
        return self.quantity * self.unit_price


@dataclass(frozen=True, slots=True)
class PricedChoice:
    """An option of a choice about the whole order; `price_delta` is added once."""

    choice_id: str
    option_id: str
    name: str
    is_default: bool
    price_delta: int


@dataclass(frozen=True, slots=True)
class PricedCart:
    """A cart with names and amounts. `currency` is ISO 4217.

    `discounts` are what promotions take off, `promotion_codes` those that may. `excludes_tax` says
    that amounts are without tax.
    """

    lines: tuple[PricedLine, ...]
    choices: tuple[PricedChoice, ...]
    currency: str
    promotion_codes: tuple[str, ...] = ()
    discounts: tuple[Discount, ...] = ()
    excludes_tax: bool = False

    @property
    def total(self) -> int:
        """What it comes to before discounts: nothing for no lines, and never less than nothing."""
        if not self.lines:
            return 0
        choices = sum(choice.price_delta for choice in self.choices)
        return max(0, sum(line.total for line in self.lines) + choices)

    @property
    def payable(self) -> int:
        """What the guest pays."""
        added = sum(tax.amount for tax in self.taxes) if self.excludes_tax else 0
        return self._left + added

    @property
    def taxes(self) -> tuple[Tax, ...]:
        """What of it is tax, after discounts.

        What is taken off a line lessens what its rate is of, a bundle that of the rates of what it
        is made of in proportion; the rest, as choices about the whole order do, that of all rates.
        """
        if not any(line.tax_rate for line in self.lines):
            return ()
        amounts, rates = Counter[int](), {line.line_id: line.tax_rate for line in self.lines}
        for line in self.lines:
            amounts[line.tax_rate] += line.total
        for discount in self.discounts:
            if discount.line_id:
                amounts[rates[discount.line_id]] -= discount.amount
            elif discount.bundled:
                costs = Counter[int]()
                for line_id, cost in discount.bundled:
                    costs[rates[line_id]] += cost
                amounts.subtract(costs)
                amounts.update(spread(-discount.amount, costs))
        of_all = self._left - amounts.total()
        return tuple(taxes(spread(of_all, amounts), is_included=not self.excludes_tax))

    @property
    def _left(self) -> int:
        return self.total - sum(discount.amount for discount in self.discounts)


def price(cart: Cart, catalog: Catalog) -> PricedCart:
    """Price a cart that fits the catalog (`fitting.check` finds no problem)."""
    return PricedCart(
        lines=tuple(_price_line(line, catalog) for line in cart.lines),
        choices=tuple(effective_choices(cart, catalog)),
        currency=catalog.currency,
        excludes_tax=catalog.prices_exclude_tax,
    )


def effective_options(line: CartLine, group: OptionGroup) -> Iterator[PricedOption]:
    """The options of one group a line has: those chosen, and defaults that nobody replaced.

    In a choose-one group a choice replaces the default; elsewhere defaults stay unless they are
    taken away by name.
    """
    chosen = {s.option_id: s.quantity for s in line.selections if s.group_id == group.id}
    replaced = group.kind is OptionKind.ONE and bool(chosen)
    for option in group.options:
        if option.id in chosen:
            yield _priced(group, option, chosen[option.id], is_default=False)
        elif option.id in group.default_option_ids and not replaced:
            yield _priced(group, option, 1, is_default=True)


def effective_choices(cart: Cart, catalog: Catalog) -> Iterator[PricedChoice]:
    """The choices about the whole order, taken or by default."""
    for choice in catalog.order_choices:
        chosen = cart.order_choices.get(choice.id)
        option = choice.option(chosen or choice.default_option_id or "")
        if option is not None:
            yield PricedChoice(
                choice.id, option.id, option.name, chosen is None, option.price_delta
            )


def _price_line(line: CartLine, catalog: Catalog) -> PricedLine:
    product = catalog.products_by_id[line.product_id]
    options = tuple(
        option for group in catalog.groups_of(product) for option in effective_options(line, group)
    )
    add_ons = tuple(_price_add_ons(line, catalog))
    unit_price = (
        product.price
        + sum(option.quantity * option.price_delta for option in options)
        + sum(add_on.quantity * add_on.price for add_on in add_ons)
    )
    return PricedLine(
        line_id=line.line_id,
        product_id=product.id,
        product_name=product.name,
        quantity=line.quantity,
        options=options,
        add_ons=add_ons,
        note=line.note,
        unit_price=max(0, unit_price),
        tax_rate=catalog.tax_rate_of(product),
    )


def _price_add_ons(line: CartLine, catalog: Catalog) -> Iterator[PricedAddOn]:
    for selection in line.add_ons:
        add_on = catalog.add_ons_by_id[selection.add_on_id]
        yield PricedAddOn(add_on.id, add_on.name, selection.quantity, add_on.price)


def _priced(group: OptionGroup, option: Option, quantity: int, *, is_default: bool) -> PricedOption:
    return PricedOption(group.id, option.id, option.name, quantity, is_default, option.price_delta)
