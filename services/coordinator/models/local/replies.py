"""What the assistant says, built from carts and menu facts and from nothing else."""

from collections.abc import Iterable, Iterator, Sequence

from services.coordinator.sessions.cart import Cart, CartLine

GREETING = "Hello! What can I get you?"
TAKE_YOUR_TIME = "Take your time."
THANKS = "You're welcome!"
ASK_FOR_ORDER = "What would you like to order?"
ASK_FOR_CHANGE = "No problem. What should I change?"
CANCELLED = "All right, I've cleared your order. Tell me whenever you'd like to order."
NOTHING_TO_CANCEL = "There is nothing in your order yet. What can I get you?"
EMPTY_CART = "Your order is empty so far. What can I get you?"
CHANGE_WHICH = "What should I change?"
QUOTE_EXPIRED = "Sorry, the price I had for you no longer holds, so I have worked it out anew."
PROMOTION_USED_UP = "Sorry, a promotion has been used up, so I have worked the price out anew."
REPRICED = "Sorry, the price has changed since."
OFF_TOPIC = "I can only take orders and answer questions about our menu. What can I get you?"
OFF_TOPIC_BRIEF = "I can only help with the menu and your order."
GO_ON = "Of course, what would you like to know?"
ASK_STAFF = "please ask our staff."
ABOUT_ALLERGENS = (
    f"I can tell you which allergens our list names for a product; for anything more, {ASK_STAFF}"
)
TELL_STAFF = "Please tell our staff; I only take the order."
PAYING = "You pay with our staff; I only take the order."
STAFF_KNOW = "our staff can tell you."
UNKNOWN_FACT = f"I'm afraid I don't know that; {STAFF_KNOW}"
ALREADY_PLACED = "Your order is already on its way. Would you like to order anything else?"
WELCOME = "Hello and welcome! What can I get you today?"
GLADLY = "You're very welcome!"
GREAT_CHOICE = "Great choice!"
WITHOUT_CODES = "All right, without a code."
WITHOUT_IT = "All right, without it."
CANNOT_LOOK_UP = f"I'm afraid I can't look that up right now; {STAFF_KNOW}"
_QUESTION = "Is that right? Shall I place the order?"
_MINOR_UNITS = {"JPY": 0, "KRW": 0, "BHD": 3, "KWD": 3, "TND": 3}
_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£"}


def read_back(cart: Cart) -> str:
    """Return the cart in words with the question whether to place it.

    Every line is there with its number, everything chosen, its note, what promotions take off,
    and what is to be paid where the order costs anything; a guest who approves this text approves
    exactly this cart.
    """
    lines = join(_line(line) for line in cart.lines)
    choices = ", ".join(choice.option_name.lower() for choice in cart.order_choices)
    return f"Your order: {lines}{f', {choices}' if choices else ''}.{_total(cart)} {_QUESTION}"


def placed(order_id: str, total_minor: int, currency_code: str) -> str:
    """Return the good news."""
    total = f" Total: {money(total_minor, currency_code)}." if total_minor else ""
    return f"Thank you! Your order is placed.{total} Your order number is {short_id(order_id)}."


def short_id(order_id: str) -> str:
    """Return the end of an order id, enough to call it out at a counter."""
    return order_id[-6:].upper()


def money(minor: int, currency_code: str) -> str:
    """Return an amount for people, such as €3.80."""
    digits = _MINOR_UNITS.get(currency_code, 2)
    amount = f"{minor / 10**digits:.{digits}f}"
    symbol = _SYMBOLS.get(currency_code)
    return f"{symbol}{amount}" if symbol else f"{amount} {currency_code}"


def cancelling_placed(number: str) -> str:
    """Say who can cancel an order that is already placed."""
    return f"Your order {number} is already placed; our staff can still cancel it for you."


def which(phrase: str, names: Sequence[str]) -> str:
    """Ask which of several things was meant."""
    return f"Which {_bare(phrase)} would you like: {join(names, 'or')}?"


def sold_out(phrase: str) -> str:
    """Say that something is sold out."""
    return f"Sorry, we're out of {_bare(phrase)} right now."


def only_left(name: str, left: int) -> str:
    """Say that fewer are left than the guest wants."""
    return f"Sorry, we have only {left} × {name} left."


def make_it(left: int) -> str:
    """Offer what is left."""
    return f"Shall I make it {left}?"


def promotions_ended(names: Sequence[str]) -> str:
    """Say that promotions of the read-back are off no longer."""
    count = "counts" if len(names) == 1 else "count"
    return f"Sorry, {join(names)} no longer {count} for this order, so there is another total."


def not_served(phrase: str, hours: str) -> str:
    """Say when something is served that is not served now."""
    return f"Sorry, {_bare(phrase)} is served {hours}."


def not_on_menu(phrase: str) -> str:
    """Say that something is not sold here."""
    return f"Sorry, we don't have {_bare(phrase)}."


def not_offered(phrase: str, product: str) -> str:
    """Say that a product does not come so."""
    with_product = f" with the {product}" if product else ""
    return f"Sorry, {_bare(phrase)} isn't available{with_product}."


def too_many(phrase: str) -> str:
    """Say that less was noted down than was asked for, maybe nothing."""
    return f"That's more than one order can hold: {_bare(phrase)}. Please see what I have put down."


def for_which(phrase: str) -> str:
    """Ask what an option is to be put on."""
    return f"What would you like with {_bare(phrase)}?"


def offer(product: str, price_minor: int, currency_code: str) -> str:
    """Offer something beside the order, without a question: the only one is the read-back's."""
    price = f" for {money(price_minor, currency_code)}" if price_minor else ""
    return f"Our {product}{price} goes well with that: say “add that” and it's in."


def quoting(title: str, text: str) -> str:
    """Say what a document says."""
    return f"From “{title}”: {text}" if title else text


def codes_wait(codes: Sequence[str]) -> str:
    """Say that codes are kept until there is something to use them on."""
    return f"I'll use {join(codes)} as soon as there is something in your order."


def codes_used(codes: Sequence[str], reasons: Sequence[str]) -> str:
    """Say what codes bring."""
    told = " ".join(reason.rstrip(".") + "." for reason in reasons)
    return f"{join(codes)} {'is' if len(codes) == 1 else 'are'} in. {told}".rstrip()


def code_refused(code: str, reason: str) -> str:
    """Say why a code brings nothing."""
    return f"I can't use {code}: {reason.rstrip('.')}."


def join(names: Iterable[str], word: str = "and") -> str:
    """Join names as a sentence does."""
    listed = list(names)
    if len(listed) < 2:
        return "".join(listed)
    if len(listed) == 2:
        return f"{listed[0]} {word} {listed[1]}"
    return f"{', '.join(listed[:-1])} {word} {listed[-1]}"


def _total(cart: Cart) -> str:
    if not cart.total_minor:
        return ""
    payable = money(cart.payable_minor, cart.currency_code)
    added = cart.added_tax_minor
    if not cart.discounts and not added:
        return f" That's {payable}."
    less = f" less {join(_discounts(cart))}" if cart.discounts else ""
    tax = f" plus {money(added, cart.currency_code)} tax" if added else ""
    return f" That's {money(cart.total_minor, cart.currency_code)}{less}{tax}: {payable} to pay."


def _discounts(cart: Cart) -> Iterator[str]:
    """Each promotion with all it takes off, in the order of the cart."""
    taken: dict[tuple[str, str], int] = {}
    for discount in cart.discounts:
        key = discount.promotion_id, discount.display_name
        taken[key] = taken.get(key, 0) + discount.amount_minor
    for (_, name), amount in taken.items():
        yield f"{money(amount, cart.currency_code)} for {name}"


def _line(line: CartLine) -> str:
    details = [
        *(_counted(o.option_name, o.quantity) for o in line.options if not o.is_default),
        *(_counted(a.add_on_name, a.quantity) for a in line.add_ons),
    ]
    if line.note:
        details.append(f"note “{line.note}”")
    made = f" ({', '.join(details)})" if details else ""
    return f"{line.quantity} × {line.product_name}{made}"


def _counted(name: str, quantity: int | None) -> str:
    if quantity == 0:
        return f"no {name}"
    return f"{quantity} × {name}" if quantity and quantity > 1 else name


def _bare(phrase: str) -> str:
    words = phrase.strip().split()
    while len(words) > 1 and words[0].lower() in {
        "a",
        "an",
        "the",
        "some",
        "any",
        "with",
        "1",
        "one",
    }:
        words = words[1:]
    return " ".join(words)
