"""Carts and orders as people read them on a terminal."""

from collections.abc import Iterator, Mapping
from typing import Any

# ISO 4217: currencies whose minor unit is the currency itself.
WHOLE = frozenset("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split())


def money(minor: int | str, currency: str) -> str:
    """An amount in minor units, `3.80 EUR`; negative ones with a minus sign."""
    amount = int(minor)
    sign = "−" if amount < 0 else ""
    whole = str(abs(amount)) if currency in WHOLE else f"{abs(amount) / 100:.2f}"
    return f"{sign}{whole} {currency}".strip()


def line_in_words(line: Mapping[str, Any]) -> str:
    """A line of a cart or order with what was chosen for it; defaults are not said."""
    chosen = [
        _counted(one["option_name"], one.get("quantity", 1))
        for one in line.get("options", ())
        if not one.get("is_default")
    ]
    chosen += [
        _counted(one["add_on_name"], one.get("quantity") or 1) for one in line.get("add_ons", ())
    ]
    chosen += [f"“{line['note']}”"] if line.get("note") else []
    made = f" ({', '.join(chosen)})" if chosen else ""
    return f"{line['quantity']}× {line['product_name']}{made}"


def rows(of: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a cart or an order holds, and what each costs: lines, choices, discounts, the sum."""
    currency = of.get("currency_code", "")
    for line in of.get("lines", ()):
        yield line_in_words(line), money(line.get("total_minor", 0), currency)
    for choice in of.get("order_choices", ()):
        if not choice.get("is_default"):
            delta = int(choice.get("price_delta_minor", 0))
            yield choice["option_name"], money(delta, currency) if delta else ""
    for discount in of.get("discounts", ()):
        why = f" ({discount['reason']})" if discount.get("reason") else ""
        yield f"{discount['display_name']}{why}", money(-int(discount["amount_minor"]), currency)
    for tax in of.get("taxes", ()):
        rate = f"{int(tax['rate_basis_points']) / 100:g} %"
        where = "tax included" if tax.get("included") else "tax"
        yield f"{rate} {where}", money(int(tax.get("tax_minor", 0)), currency)
    yield "to pay", money(payable(of), currency)


def payable(of: Mapping[str, Any]) -> int:
    """What is to be paid, in minor units: an order's total; a cart says it beside its total."""
    return int(of.get("payable_minor", of.get("total_minor", 0)))


def short_number(order: Mapping[str, Any]) -> str:
    """What people call an order by, as on the pages."""
    return str(order["order_id"])[-6:].upper()


def _counted(name: str, quantity: int) -> str:
    if quantity == 0:
        return f"no {name}"
    return f"{quantity}× {name}" if quantity > 1 else name
