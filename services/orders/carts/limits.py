"""How much of a guest's words is read at once, and how long a cart may become.

Reading takes time that grows with the square of the words. Cart and focus come back with the next
text: were they longer than the contract takes, the conversation would be over.
"""

from dataclasses import replace

from services.orders.carts.cart import Cart
from services.orders.carts.operations import AddLine, ChangeLine, Operation, RemoveLine, apply
from services.orders.carts.parsing import CartParser
from services.orders.carts.reading import Focus, ParseResult, Refusal, RefusalKind, TextSpan
from services.orders.carts.tokens import tokenize
from services.orders.catalog.model import Catalog

MOST_TOKENS = 200
MOST_LINES = 100
# Of a focus: the phrase as the contract takes it, what is pending as it is read with every text.
LONGEST_PHRASE = 500
LONGEST_PENDING_TEXT = 500


def read(parser: CartParser, catalog: Catalog, text: str, cart: Cart, focus: Focus) -> ParseResult:
    """As `CartParser.parse`, of as much as can be read at once and put into one cart.

    The rest of the text is one more unparsed span; lines the cart has no room for are refused.
    """
    end = _end(text)
    reading = parser.parse(text[:end], cart, _bounded(focus))
    if end < len(text):
        reading = replace(
            reading,
            unparsed=(*reading.unparsed, TextSpan(end, len(text), text[end:])),
            confidence=reading.confidence * end / len(text),
        )
    return _with_room(replace(reading, focus=_bounded(reading.focus)), cart, catalog)


def _end(text: str) -> int:
    tokens = tokenize(text)
    return tokens[MOST_TOKENS].start if len(tokens) > MOST_TOKENS else len(text)


def _bounded(focus: Focus) -> Focus:
    return replace(
        focus,
        phrase=focus.phrase[:LONGEST_PHRASE],
        pending_text=focus.pending_text[:LONGEST_PENDING_TEXT],
    )


def _with_room(reading: ParseResult, cart: Cart, catalog: Catalog) -> ParseResult:
    kept: list[Operation] = []
    beyond: list[AddLine] = []
    for operation in reading.operations:
        after = apply(cart, (operation,))
        if isinstance(operation, AddLine) and len(after.lines) > MOST_LINES:
            beyond.append(operation)
        else:
            kept.append(operation)
            cart = after
    if not beyond:
        return reading
    # What changes a line may move some of it to a new one: without that it would lose them.
    moves = any(isinstance(operation, ChangeLine | RemoveLine) for operation in kept)
    names = {line.product_id: catalog.products_by_id[line.product_id].name for line in beyond}
    refused = [Refusal(RefusalKind.TOO_MANY, name, id_) for id_, name in names.items()]
    return replace(
        reading,
        operations=() if moves else tuple(kept),
        refusals=(*reading.refusals, *refused),
        focus=Focus(),
    )
