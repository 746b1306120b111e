"""Carts, focus and readings between their contract and the domain."""

import itertools
from collections.abc import Iterable, Iterator
from types import MappingProxyType

from maitred.orders.v1 import cart_pb2, cart_service_pb2

from services.chassis.rpc.errors import Failure, FieldProblem, invalid
from services.orders.carts.cart import AddOnSelection, Cart, CartLine, Selection
from services.orders.carts.fitting import CartDoesNotFit
from services.orders.carts.operations import (
    AddLine,
    ChangeLine,
    ClearCart,
    Operation,
    RemoveLine,
    SetOrderChoice,
)
from services.orders.carts.pricing import PricedCart, PricedLine, price
from services.orders.carts.reading import (
    Ambiguity,
    Focus,
    ParseResult,
    Refusal,
    RefusalKind,
    Shortage,
)
from services.orders.catalog.model import Catalog
from services.orders.catalog.serving import Served
from services.orders.promotions.discount import CodeProblem, CodeRefusal

_REFUSALS = {
    RefusalKind.SOLD_OUT: cart_service_pb2.REFUSAL_KIND_SOLD_OUT,
    RefusalKind.NOT_OFFERED: cart_service_pb2.REFUSAL_KIND_NOT_OFFERED,
    RefusalKind.NOT_ON_MENU: cart_service_pb2.REFUSAL_KIND_NOT_ON_MENU,
    RefusalKind.TOO_MANY: cart_service_pb2.REFUSAL_KIND_TOO_MANY,
}
_CODE_PROBLEMS = {
    CodeProblem.UNKNOWN: cart_service_pb2.CODE_PROBLEM_UNKNOWN,
    CodeProblem.NOT_NOW: cart_service_pb2.CODE_PROBLEM_NOT_NOW,
    CodeProblem.CART_DOES_NOT_QUALIFY: cart_service_pb2.CODE_PROBLEM_CART_DOES_NOT_QUALIFY,
    CodeProblem.OUTDONE: cart_service_pb2.CODE_PROBLEM_OUTDONE,
    CodeProblem.USED_UP: cart_service_pb2.CODE_PROBLEM_USED_UP,
    CodeProblem.NOT_A_FIRST_ORDER: cart_service_pb2.CODE_PROBLEM_NOT_A_FIRST_ORDER,
}


def to_cart(message: cart_pb2.Cart) -> Cart:
    """The cart a message means: explicit choices only, and an id for every line."""
    taken = {line.line_id for line in message.lines}
    free = (id_ for n in itertools.count(1) if (id_ := f"l{n}") not in taken)
    return Cart(
        lines=tuple(_to_line(line, line.line_id or next(free)) for line in message.lines),
        order_choices=MappingProxyType(
            {
                choice.order_choice_id: choice.option_id
                for choice in message.order_choices
                if not choice.is_default
            }
        ),
        promotion_codes=tuple(message.promotion_codes),
    )


def from_cart(cart: PricedCart) -> cart_pb2.Cart:
    """A cart with names, defaults, amounts and discounts."""
    return cart_pb2.Cart(
        lines=[_from_line(line) for line in cart.lines],
        order_choices=[
            cart_pb2.OrderChoiceSelection(
                order_choice_id=choice.choice_id,
                option_id=choice.option_id,
                option_name=choice.name,
                is_default=choice.is_default,
                price_delta_minor=choice.price_delta,
            )
            for choice in cart.choices
        ],
        total_minor=cart.total,
        currency_code=cart.currency,
        promotion_codes=cart.promotion_codes,
        discounts=[
            cart_pb2.Discount(
                promotion_id=discount.promotion_id,
                display_name=discount.name,
                reason=discount.reason,
                amount_minor=discount.amount,
                line_id=discount.line_id,
                uses_per_customer=discount.uses_per_customer,
                first_order_only=discount.is_first_order_only,
            )
            for discount in cart.discounts
        ],
        payable_minor=cart.payable,
        taxes=[
            cart_pb2.TaxLine(
                rate_basis_points=tax.rate,
                taxable_minor=tax.taxable,
                tax_minor=tax.amount,
                included=tax.is_included,
            )
            for tax in cart.taxes
        ],
    )


def from_code_refusal(refusal: CodeRefusal) -> cart_service_pb2.CodeRefusal:
    """A code that brings nothing, and why."""
    return cart_service_pb2.CodeRefusal(
        code=refusal.code, problem=_CODE_PROBLEMS[refusal.problem], reason=refusal.reason
    )


def cart_invalid(misfit: CartDoesNotFit) -> Failure:
    """CART_INVALID, naming every place."""
    return invalid(
        "CART_INVALID",
        f"The cart does not fit the catalog: {misfit}.",
        [FieldProblem(f"cart.{p.path}", p.description) for p in misfit.problems],
        problems=str(len(misfit.problems)),
    )


def to_focus(message: cart_service_pb2.Focus) -> Focus:
    """What the conversation is about."""
    return Focus(
        line_id=message.line_id,
        candidate_ids=tuple(message.candidate_ids),
        phrase=message.phrase,
        pending_text=message.pending_text,
    )


def from_reading(
    reading: ParseResult, cart: PricedCart, served: Served, shortages: Iterable[Shortage]
) -> cart_service_pb2.ParseCartResponse:
    """A reading, with the cart it leads to and what there is too little of for that."""
    catalog = served.catalog
    names = _names(catalog)
    return cart_service_pb2.ParseCartResponse(
        operations=[_from_operation(operation, catalog) for operation in reading.operations],
        unparsed=[
            cart_service_pb2.TextSpan(start=span.start, end=span.end, text=span.text)
            for span in reading.unparsed
        ],
        confidence=reading.confidence,
        cart=from_cart(cart),
        ambiguities=[_from_ambiguity(ambiguity, names) for ambiguity in reading.ambiguities],
        refusals=[_from_refusal(refusal, served) for refusal in reading.refusals],
        focus=cart_service_pb2.Focus(
            line_id=reading.focus.line_id,
            candidate_ids=reading.focus.candidate_ids,
            phrase=reading.focus.phrase,
            pending_text=reading.focus.pending_text,
        ),
        shortages=[
            cart_service_pb2.Shortage(
                product_id=shortage.product_id,
                wanted=shortage.wanted,
                remaining=shortage.remaining,
            )
            for shortage in shortages
        ],
    )


def _to_line(message: cart_pb2.CartLine, line_id: str) -> CartLine:
    return CartLine(
        line_id=line_id,
        product_id=message.product_id,
        quantity=message.quantity,
        selections=tuple(
            Selection(
                option.option_group_id,
                option.option_id,
                option.quantity if option.HasField("quantity") else 1,
            )
            for option in message.options
            if not option.is_default
        ),
        add_ons=tuple(
            AddOnSelection(add_on.add_on_id, add_on.quantity or 1) for add_on in message.add_ons
        ),
        note=message.note,
    )


def _from_line(line: PricedLine) -> cart_pb2.CartLine:
    return cart_pb2.CartLine(
        line_id=line.line_id,
        product_id=line.product_id,
        product_name=line.product_name,
        quantity=line.quantity,
        options=[
            cart_pb2.OptionSelection(
                option_group_id=option.group_id,
                option_id=option.option_id,
                option_name=option.name,
                quantity=option.quantity,
                is_default=option.is_default,
                price_delta_minor=option.price_delta,
            )
            for option in line.options
        ],
        add_ons=[
            cart_pb2.AddOnSelection(
                add_on_id=add_on.add_on_id,
                add_on_name=add_on.name,
                quantity=add_on.quantity,
                price_minor=add_on.price,
            )
            for add_on in line.add_ons
        ],
        note=line.note,
        unit_price_minor=line.unit_price,
        total_minor=line.total,
    )


def _from_operation(operation: Operation, catalog: Catalog) -> cart_service_pb2.CartOperation:
    match operation:
        case AddLine():
            line = CartLine(
                line_id="",
                product_id=operation.product_id,
                quantity=operation.quantity,
                selections=operation.selections,
                add_ons=operation.add_ons,
                note=operation.note,
            )
            return cart_service_pb2.CartOperation(add_line=_named_line(line, catalog))
        case ChangeLine(line=line):
            return cart_service_pb2.CartOperation(change_line=_named_line(line, catalog))
        case RemoveLine():
            removal = cart_service_pb2.RemoveLine(
                line_id=operation.line_id, quantity=operation.quantity or 0
            )
            return cart_service_pb2.CartOperation(remove_line=removal)
        case SetOrderChoice():
            return cart_service_pb2.CartOperation(
                set_order_choice=_named_choice(operation, catalog)
            )
        case ClearCart():
            return cart_service_pb2.CartOperation(clear_cart=cart_service_pb2.ClearCart())


def _named_line(line: CartLine, catalog: Catalog) -> cart_pb2.CartLine:
    return _from_line(price(Cart(lines=(line,)), catalog).lines[0])


def _named_choice(operation: SetOrderChoice, catalog: Catalog) -> cart_pb2.OrderChoiceSelection:
    option = catalog.choices_by_id[operation.choice_id].option(operation.option_id)
    return cart_pb2.OrderChoiceSelection(
        order_choice_id=operation.choice_id,
        option_id=operation.option_id,
        option_name=option.name if option else "",
        price_delta_minor=option.price_delta if option else 0,
    )


def _from_ambiguity(ambiguity: Ambiguity, names: dict[str, str]) -> cart_service_pb2.Ambiguity:
    return cart_service_pb2.Ambiguity(
        phrase=ambiguity.phrase,
        candidate_ids=ambiguity.candidate_ids,
        candidate_names=[names.get(id_, id_) for id_ in ambiguity.candidate_ids],
    )


def _from_refusal(refusal: Refusal, served: Served) -> cart_service_pb2.Refusal:
    return cart_service_pb2.Refusal(
        kind=_REFUSALS[refusal.kind],
        phrase=refusal.phrase,
        id=refusal.id,
        product_id=refusal.product_id,
        served=served.hours(refusal.id) if refusal.kind is RefusalKind.SOLD_OUT else "",
    )


def _names(catalog: Catalog) -> dict[str, str]:
    """Names by id of whatever a guest may be asked to choose among; products win a shared id."""
    return dict(_named(catalog))


def _named(catalog: Catalog) -> Iterator[tuple[str, str]]:
    for choice in catalog.order_choices:
        yield from ((option.id, option.name) for option in choice.options)
    for group in catalog.option_groups:
        yield from ((option.id, option.name) for option in group.options)
    yield from ((add_on.id, add_on.name) for add_on in catalog.add_ons)
    yield from ((product.id, product.name) for product in catalog.products)
