"""No order without an explicit yes to the read-back of exactly this cart."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import pytest

from services.coordinator.sessions.cart import (
    Cart,
    CartLine,
    Discount,
    Focus,
    Option,
    OrderChoice,
    fingerprint,
    from_json,
    is_alike,
    to_json,
    without,
)
from services.coordinator.sessions.turn import CallKey, Owner, PlacedOrder
from services.coordinator.tools.confirm import Confirm
from services.coordinator.tools.guard import (
    Consent,
    Refusal,
    asks_for_more,
    is_read_back,
    refusal,
)
from services.coordinator.tools.ports import (
    Menu,
    Origin,
    Promoted,
    PromotionUsedUp,
    Quote,
    QuoteExpired,
    Reading,
    SoldOut,
)
from services.coordinator.tools.shortage import Shortage, focus_on, shortages
from services.coordinator.tools.tool import Situation

MILK = Option("milk", "oat", "Oat milk", price_delta_minor=40)
LATTE = CartLine("l1", "latte", 1, "Latte", (MILK,), unit_price_minor=420, total_minor=420)
CAKE = CartLine("l2", "cake", 1, "Cake", unit_price_minor=300, total_minor=300)
CART = Cart((LATTE, CAKE), total_minor=720, currency_code="EUR")
SPRING = Discount("spring", "Spring week", "10% off 1 × Cake.", 30, "l2")
CUT = replace(CART, promotion_codes=("SPRING",), discounts=(SPRING,))
YES = Consent(fingerprint(CART), approved=True)
KEY = CallKey(UUID(int=1), "serve", 0)
OWNER = Owner(UUID(int=3), "gst_1")


def test_what_was_read_back_and_approved_may_be_ordered() -> None:
    assert refusal(CART, YES) is None


@pytest.mark.parametrize(
    ("text", "reads_back"),
    [
        ("Your order: 1 × Latte. Shall I place the order?", True),
        ("Sorry, no cake.\n\nYour order:\n1 × Latte.  Shall I place the order?\n", True),
        ("Your order: 1 × Latte. Shall I place the order? Take your time.", True),
        ("Your order: 1 × Latte. Shall I place the order? Or do you want to hear a joke?", False),
        ("Your order: 2 × Latte. Shall I place the order?", False),
        ("One latte, right?", False),
        ("", False),
    ],
)
def test_a_read_back_is_word_for_word_and_the_last_question(text: str, reads_back: bool) -> None:
    assert is_read_back(text, "Your order: 1 × Latte. Shall I place the order?") is reads_back


@pytest.mark.parametrize(
    ("cart", "consent", "why"),
    [
        (Cart(), Consent(fingerprint(Cart()), True), Refusal.EMPTY_CART),
        (CART, Consent("", True), Refusal.NOT_READ_BACK),
        (CART, replace(YES, approved=False), Refusal.NOT_APPROVED),
        (Cart((LATTE,), total_minor=420), YES, Refusal.CART_CHANGED),
        (replace(CART, lines=(replace(LATTE, quantity=2), CAKE)), YES, Refusal.CART_CHANGED),
        (replace(CART, lines=(replace(LATTE, options=()), CAKE)), YES, Refusal.CART_CHANGED),
        (replace(CART, lines=(replace(LATTE, note="hot"), CAKE)), YES, Refusal.CART_CHANGED),
        (replace(CART, total_minor=721), YES, Refusal.CART_CHANGED),
        (replace(CART, promotion_codes=("SPRING",)), YES, Refusal.CART_CHANGED),
        (replace(CART, discounts=(SPRING,)), YES, Refusal.CART_CHANGED),
        (replace(CART, order_choices=(OrderChoice("where", "go"),)), YES, Refusal.CART_CHANGED),
    ],
)
def test_anything_else_may_not(cart: Cart, consent: Consent, why: Refusal) -> None:
    assert refusal(cart, consent) is why


def test_a_fingerprint_is_of_the_content_not_of_line_ids() -> None:
    assert fingerprint(replace(CART, lines=(replace(LATTE, line_id="l9"), CAKE))) == YES.read_back


def test_a_discounted_cart_is_the_same_whatever_its_lines_are_called() -> None:
    cake, discount = replace(CAKE, line_id="l9"), replace(SPRING, line_id="l9")
    assert fingerprint(replace(CUT, lines=(LATTE, cake), discounts=(discount,))) == fingerprint(CUT)


def test_another_price_is_another_cart() -> None:
    dearer = replace(CUT, discounts=(replace(SPRING, amount_minor=29),))
    assert refusal(dearer, Consent(fingerprint(CUT), approved=True)) is Refusal.CART_CHANGED


@pytest.mark.parametrize("cart", [CART, CUT])
def test_a_cart_survives_storage(cart: Cart) -> None:
    assert from_json(to_json(cart)) == cart


def test_a_cart_stored_before_there_were_promotions_is_the_same_cart() -> None:
    stored = to_json(CART)
    for name in ("promotion_codes", "discounts", "taxes", "payable_minor"):
        del stored[name]
    assert from_json(stored) == CART
    stored["lines"] = [
        {k: v for k, v in line.items() if k != "line_id"} for line in stored["lines"]
    ]
    told = json.dumps(stored, sort_keys=True).encode()
    assert fingerprint(CART) == hashlib.sha256(told).hexdigest()


def test_codes_stay_with_what_is_left_of_a_cart() -> None:
    left = without(CUT, frozenset({"cake"}))
    assert (left.promotion_codes, left.discounts) == (("SPRING",), ())


def test_empty_carts_are_alike_whatever_their_defaults() -> None:
    default = Cart(order_choices=(OrderChoice("where", "here", is_default=True),))
    chosen = Cart(order_choices=(OrderChoice("where", "go"),))
    assert is_alike(Cart(), default)
    assert not is_alike(Cart(), chosen)


def test_what_is_sold_out_leaves_the_cart_line_by_line_and_option_by_option() -> None:
    assert [line.product_id for line in without(CART, frozenset({"cake"})).lines] == ["latte"]
    bare = without(CART, frozenset({"oat"}))
    assert [line.options for line in bare.lines] == [(), ()]


@pytest.mark.parametrize(
    ("after", "more"),
    [
        (CART, False),
        (Cart((replace(LATTE, quantity=2), CAKE)), False),
        (Cart((LATTE, replace(LATTE, line_id="l3", options=()), CAKE)), False),
        (Cart((LATTE,)), False),
        (Cart((replace(LATTE, quantity=3), CAKE)), True),
        (Cart((LATTE, CAKE, CartLine("l3", "tea", 1))), True),
        (Cart((LATTE, replace(CAKE, options=(MILK,)))), True),
        (Cart((LATTE, replace(CAKE, note="hot"))), False),
    ],
)
def test_a_yes_may_repeat_the_order_but_not_add_to_it(after: Cart, more: bool) -> None:
    assert asks_for_more(CART, after) is more


class Kitchen:
    """Orders as a test scripts it: what a quote of the cart comes to, and what was placed."""

    def __init__(self, outcome: Cart | Exception, refusal: Exception | None = None) -> None:
        self.outcome = outcome
        self.refusal = refusal
        self.quoted: list[str] = []
        self.placed: list[tuple[str, str]] = []
        self.found: PlacedOrder | None = None

    async def read(self, text: str, cart: Cart, focus: Focus) -> Reading:
        more = (CartLine("l3", "tea", 1, "Tea"),) if "tea" in text else ()
        return Reading(Cart((*cart.lines, *more)), focus, {})

    async def menu(self, query: str) -> Menu:
        return Menu({}, "{}")

    async def quote(self, cart: Cart, request_id: str) -> Quote:
        self.quoted.append(request_id)
        if isinstance(self.outcome, Exception):
            outcome, self.outcome = self.outcome, Cart((CAKE,), total_minor=300)
            raise outcome
        return Quote("quo_1", self.outcome)

    async def apply(self, cart: Cart, codes: Sequence[str]) -> Promoted:
        return Promoted(cart)

    async def place(self, quote_id: str, request_id: str, origin: Origin) -> PlacedOrder:
        if self.refusal:
            raise self.refusal
        self.placed.append((quote_id, request_id))
        return PlacedOrder("ord_1", 720, "EUR", b"")

    async def find_order(self, quote_id: str) -> PlacedOrder | None:
        return self.found


def situation(cart: Cart = CART, consent: Consent = YES, text: str = "yes") -> Situation:
    return Situation(KEY, OWNER, UUID(int=2), text, consent, cart, Focus())


def confirm(kitchen: Kitchen) -> Confirm:
    return Confirm(kitchen, lambda cart: " and ".join(line.product_name for line in cart.lines))


async def test_an_approved_cart_is_placed_under_the_key_of_the_call() -> None:
    kitchen = Kitchen(CART)
    result = await confirm(kitchen).call({}, situation())
    assert result.ok
    assert result.order is not None
    assert result.cart.is_empty
    assert kitchen.placed == [("quo_1", str(KEY))]


async def test_a_model_that_confirms_uninvited_places_nothing() -> None:
    kitchen = Kitchen(CART)
    for consent in (Consent("", True), replace(YES, approved=False), Consent("other", True)):
        result = await confirm(kitchen).call({}, situation(consent=consent))
        assert not result.ok
        assert result.content["read_back"] == "Latte and Cake"
    assert kitchen.placed == []


async def test_a_quote_of_another_price_is_not_what_was_approved() -> None:
    kitchen = Kitchen(replace(CART, total_minor=800))
    result = await confirm(kitchen).call({}, situation())
    assert result.content["problem"] == "cart_changed"
    assert result.cart.total_minor == 800
    assert kitchen.placed == []


async def test_what_sold_out_is_named_and_the_rest_quoted_again() -> None:
    kitchen = Kitchen(SoldOut(frozenset({"latte"})))
    result = await confirm(kitchen).call({}, situation())
    assert result.content["sold_out"] == ["Latte"]
    assert result.content["read_back"] == "Cake"
    assert kitchen.placed == []


async def test_a_quote_that_ran_out_asks_again() -> None:
    kitchen = Kitchen(CART, QuoteExpired())
    result = await confirm(kitchen).call({}, situation())
    assert (result.ok, result.content["problem"]) == (False, "quote_expired")
    assert result.cart == CART
    assert kitchen.quoted == [str(KEY), f"{KEY}/again"]


async def test_a_promotion_used_up_is_named_and_the_cart_quoted_without_it() -> None:
    kitchen = Kitchen(CART)
    result = await confirm(kitchen).call(
        {}, situation(CUT, Consent(fingerprint(CUT), approved=True))
    )
    assert (result.content["problem"], result.content["ended"]) == ("cart_changed", ["Spring week"])
    refused = Kitchen(CART, PromotionUsedUp())
    result = await confirm(refused).call({}, situation())
    assert result.content["problem"] == "promotion_used_up"
    assert result.content["read_back"] == "Latte and Cake"
    assert kitchen.placed == refused.placed == []


@pytest.mark.parametrize("at_placing", [False, True])
async def test_of_what_is_left_nothing_is_taken_without_the_guest(at_placing: bool) -> None:
    two = replace(CART, lines=(replace(LATTE, quantity=2), CAKE))
    short = SoldOut(frozenset(), {"latte": 1})
    kitchen = Kitchen(two, short) if at_placing else Kitchen(short)
    result = await confirm(kitchen).call({}, situation(two, Consent(fingerprint(two), True)))
    assert result.content["few"] == [{"name": "Latte", "wanted": 2, "left": 1, "one_line": True}]
    assert (result.cart, result.focus.line_id) == (two, "l1")
    assert kitchen.placed == []


def test_of_several_lines_the_guest_says_which_to_change() -> None:
    plain = replace(LATTE, line_id="l3", options=())
    (short,) = shortages(Cart((LATTE, plain, CAKE)), {"latte": 1, "tea": 1})
    assert short == Shortage("Latte", 2, 1)
    assert focus_on([short], Focus("l2")) == Focus("l2")
    assert shortages(CART, {"latte": 1}) == ()


async def test_a_yes_that_orders_more_is_read_back_again() -> None:
    kitchen = Kitchen(CART)
    result = await confirm(kitchen).call({}, situation(text="yes and a tea"))
    assert result.content["problem"] == "cart_changed"
    assert result.content["read_back"] == "Latte and Cake and Tea"
    assert kitchen.placed == []


async def test_a_call_tried_before_finds_the_order_it_placed() -> None:
    kitchen = Kitchen(CART)
    kitchen.found = PlacedOrder("ord_9", 720, "EUR", b"")
    result = await confirm(kitchen).call({}, replace(situation(), is_retry=True))
    assert result.order == kitchen.found
    assert kitchen.placed == []
