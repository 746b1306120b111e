"""Whether a cart fits a catalog, and whether all of it can be had today."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from services.orders.carts.cart import Cart, CartLine
from services.orders.carts.pricing import effective_choices, effective_options
from services.orders.catalog.model import Catalog, OptionGroup, OptionKind


@dataclass(frozen=True, slots=True)
class CartProblem:
    """Where a cart contradicts the catalog: a path such as `lines[0].options[1]`, and how."""

    path: str
    description: str


class CartDoesNotFit(ValueError):
    """The cart contradicts the catalog. `problems` lists every contradiction found."""

    def __init__(self, problems: tuple[CartProblem, ...]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{p.path}: {p.description}" for p in problems))


def check(cart: Cart, catalog: Catalog) -> None:
    """Raise CartDoesNotFit unless the cart can be priced as it stands."""
    if found := tuple(_problems(cart, catalog)):
        raise CartDoesNotFit(found)


def sold_out(cart: Cart, catalog: Catalog) -> tuple[str, ...]:
    """The ids of what a fitting cart holds and cannot be had now, each once."""
    return tuple(dict.fromkeys(_sold_out(cart, catalog)))


def quantities(cart: Cart) -> Counter[str]:
    """How many of each product a cart holds, on all its lines."""
    wanted = Counter[str]()
    for line in cart.lines:
        wanted[line.product_id] += line.quantity
    return wanted


def _problems(cart: Cart, catalog: Catalog) -> Iterator[CartProblem]:
    seen = Counter(line.line_id for line in cart.lines)
    for index, line in enumerate(cart.lines):
        path = f"lines[{index}]"
        if seen[line.line_id] > 1:
            yield CartProblem(f"{path}.line_id", f"{line.line_id} is used twice")
        product = catalog.products_by_id.get(line.product_id)
        if product is None:
            yield CartProblem(f"{path}.product_id", f"no product {line.product_id}")
            continue
        yield from _option_problems(line, path, catalog)
        yield from _add_on_problems(line, path, catalog)
    for choice_id, option_id in cart.order_choices.items():
        choice = catalog.choices_by_id.get(choice_id)
        if choice is None or choice.option(option_id) is None:
            yield CartProblem("order_choices", f"no option {option_id} of {choice_id}")


def _option_problems(line: CartLine, path: str, catalog: Catalog) -> Iterator[CartProblem]:
    groups = {g.id: g for g in catalog.groups_of(catalog.products_by_id[line.product_id])}
    repeated = Counter((s.group_id, s.option_id) for s in line.selections)
    for index, selection in enumerate(line.selections):
        where = f"{path}.options[{index}]"
        group = groups.get(selection.group_id)
        if group is None:
            yield CartProblem(where, f"{line.product_id} has no {selection.group_id}")
        elif group.option(selection.option_id) is None:
            yield CartProblem(where, f"{group.id} has no option {selection.option_id}")
        elif repeated[selection.group_id, selection.option_id] > 1:
            yield CartProblem(where, f"{selection.option_id} is there twice")
    for group in groups.values():
        yield from _count_problems(line, group, path)


def _count_problems(line: CartLine, group: OptionGroup, path: str) -> Iterator[CartProblem]:
    quantities = [option.quantity for option in effective_options(line, group)]
    where = f"{path}.options"
    if group.kind is OptionKind.QUANTITY:
        if sum(quantities) > group.max_quantity:
            yield CartProblem(where, f"at most {group.max_quantity} of {group.id} together")
    elif any(quantity > 1 for quantity in quantities):
        yield CartProblem(where, f"options of {group.id} are not counted")
    if group.kind is OptionKind.ONE and sum(map(bool, quantities)) > 1:
        yield CartProblem(where, f"only one of {group.id} can be had")


def _add_on_problems(line: CartLine, path: str, catalog: Catalog) -> Iterator[CartProblem]:
    offered = {a.id: a for a in catalog.add_ons_of(catalog.products_by_id[line.product_id])}
    repeated = Counter(selection.add_on_id for selection in line.add_ons)
    for index, selection in enumerate(line.add_ons):
        where = f"{path}.add_ons[{index}]"
        add_on = offered.get(selection.add_on_id)
        if add_on is None:
            yield CartProblem(where, f"{line.product_id} comes without {selection.add_on_id}")
        elif repeated[add_on.id] > 1:
            yield CartProblem(where, f"{add_on.id} is there twice")
        elif selection.quantity > add_on.max_quantity:
            yield CartProblem(where, f"at most {add_on.max_quantity} of {add_on.id}")


def _sold_out(cart: Cart, catalog: Catalog) -> Iterator[str]:
    for line in cart.lines:
        product = catalog.products_by_id[line.product_id]
        if not product.available:
            yield product.id
        for group in catalog.groups_of(product):
            for priced in effective_options(line, group):
                option = group.option(priced.option_id)
                if priced.quantity and option is not None and not option.available:
                    yield option.id
        for selection in line.add_ons:
            if not catalog.add_ons_by_id[selection.add_on_id].available:
                yield selection.add_on_id
    for taken in effective_choices(cart, catalog):
        option = catalog.choices_by_id[taken.choice_id].option(taken.option_id)
        if option is not None and not option.available:
            yield option.id
