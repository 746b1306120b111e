"""A house as hypothesis runs it: carts, promotions, taxes and orders beside a simple model of them.

Every step is done by the code and by the model (`simple_house.py`), and compared.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from maitred.orders.v1 import order_pb2, order_service_pb2

from services.orders.carts.cart import Cart, Selection
from services.orders.carts.convert import from_cart
from services.orders.carts.operations import AddLine, ClearCart, RemoveLine, apply
from services.orders.carts.pricing import price
from services.orders.catalog.model import Catalog, Option, OptionGroup, OptionKind, Product
from services.orders.orders.convert import placed_order
from services.orders.orders.events import order_v1
from services.orders.orders.states import (
    Actor,
    OrderState,
    allowed,
    is_in_time,
    puts_back,
    who_may,
)
from services.orders.promotions.customer import Customer
from services.orders.promotions.promotion import (
    Amount,
    Bundle,
    BundlePart,
    Code,
    Percentage,
    Promotion,
    Scope,
    Stacking,
    Terms,
)
from services.orders.promotions.redeeming import redeem
from tests.support.simple_house import SIZES, Dish, Line, Offer, taken_off, taxed, ways

TENANT = UUID(int=7)
NOON = datetime(2026, 7, 15, 12, 0, tzinfo=UTC)
WINDOW = timedelta(seconds=120)
GUESTS = ("gst_1", "gst_2", "gst_3")
CODE = "TREAT"
RATES = (0, 700, 1900, 2000, 825)


@dataclass
class Booked:
    """An order, as the model knows it."""

    guest: str
    promotion_ids: frozenset[str]
    placed_at: int
    status: str = "placed"


@dataclass
class Guest:
    """What a guest has chosen: how many of each product in each size."""

    cart: Cart = field(default_factory=Cart)
    wanted: Counter[tuple[str, str]] = field(default_factory=Counter)
    knows_code: bool = False


DISHES = st.lists(
    st.builds(
        Dish,
        product_id=st.just(""),
        category=st.sampled_from(("Food", "Drinks")),
        price=st.integers(0, 2500),
        rate=st.sampled_from(RATES),
    ),
    min_size=1,
    max_size=5,
)
PARTS = st.lists(
    st.tuples(st.sampled_from(("Food", "Drinks", "p1", "p2")), st.integers(1, 2)),
    min_size=1,
    max_size=2,
    unique_by=lambda part: part[0],
)
OFFERS = st.lists(
    st.builds(
        Offer,
        promotion_id=st.just(""),
        percent=st.sampled_from((0, 0, 1, 5, 10, 33, 50, 100)),
        amount=st.integers(1, 1500),
        of=st.sampled_from(("", "Food", "Drinks", "p1")),
        code=st.sampled_from(("", "", CODE)),
        stacking=st.sampled_from(("competes", "competes", "stacks", "exclusive")),
        minimum=st.sampled_from((0, 0, 1000)),
        uses=st.sampled_from((0, 0, 1, 2)),
        first_only=st.sampled_from((False, False, True)),
        parts=st.one_of(st.just([]), PARTS),
        price=st.sampled_from((0, 1, 500, 1250)),
    ),
    max_size=4,
)


# Which product, in which size, how many.
WISH = st.tuples(st.integers(0, 4), st.sampled_from(tuple(SIZES)), st.integers(1, 60))


class House(RuleBasedStateMachine):
    """One tenant's house with three guests; every step is done by the code and by the model."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0
        self.guests = {name: Guest() for name in GUESTS}
        self.booked: list[Booked] = []
        self.orders: list[order_pb2.Order] = []

    @initialize(dishes=DISHES, offers=OFFERS, excluded=st.booleans())
    def open(self, dishes: list[Dish], offers: list[Offer], excluded: bool) -> None:
        for number, dish in enumerate(dishes, start=1):
            dish.product_id = f"p{number}"
        for number, offer in enumerate(offers, start=1):
            offer.promotion_id = f"o{number}"
            if offer.parts:
                offer.code, offer.stacking = "", offer.stacking.replace("stacks", "competes")
            # Those with a code are told apart by it.
            if any(other.code == offer.code for other in offers[: number - 1]):
                offer.code = ""
        self.dishes, self.offers, self.excluded = dishes, offers, excluded
        self.catalog = _catalog(dishes, excluded)
        self.promotions = [_promotion(offer) for offer in offers]

    # Carts

    @rule(guest=st.sampled_from(GUESTS), wish=WISH)
    def add(self, guest: str, wish: tuple[int, str, int]) -> None:
        which, size, number = wish
        one, dish = self.guests[guest], self.dishes[which % len(self.dishes)]
        chosen = () if size == "usual" else (Selection("size", size),)
        one.cart = apply(one.cart, [AddLine(dish.product_id, number, chosen)])
        key = (dish.product_id, size)
        one.wanted[key] = min(99, one.wanted[key] + number)

    @rule(guest=st.sampled_from(GUESTS), which=st.integers(0, 9), number=st.integers(0, 60))
    def remove(self, guest: str, which: int, number: int) -> None:
        one = self.guests[guest]
        if not one.cart.lines:
            return
        line = one.cart.lines[which % len(one.cart.lines)]
        one.cart = apply(one.cart, [RemoveLine(line.line_id, number or None)])
        key = (line.product_id, line.selections[0].option_id if line.selections else "usual")
        one.wanted[key] -= number or one.wanted[key]
        one.wanted = +one.wanted

    @rule(guest=st.sampled_from(GUESTS))
    def begin_anew(self, guest: str) -> None:
        self.guests[guest].cart = apply(self.guests[guest].cart, [ClearCart()])
        self.guests[guest].wanted.clear()

    @rule(guest=st.sampled_from(GUESTS))
    def tell_the_code(self, guest: str) -> None:
        self.guests[guest].knows_code = True

    @invariant()
    def carts_hold_what_was_asked_for(self) -> None:
        for one in self.guests.values():
            held = Counter(
                {
                    (
                        line.product_id,
                        line.selections[0].option_id if line.selections else "usual",
                    ): line.quantity
                    for line in one.cart.lines
                }
            )
            assert held == one.wanted
            assert len(held) == len(one.cart.lines)

    # Orders

    @rule(guest=st.sampled_from(GUESTS), wishes=st.lists(WISH, min_size=1, max_size=3))
    def order(self, guest: str, wishes: list[tuple[int, str, int]]) -> None:
        for wish in wishes:
            self.add(guest, wish)
        one = self.guests[guest]
        mine = [
            booked
            for booked in self.booked
            if booked.guest == guest and booked.status not in ("cancelled", "refunded")
        ]
        uses = Counter(name for booked in mine for name in booked.promotion_ids)
        now = NOON + timedelta(seconds=self.seconds)
        codes = [CODE.lower()] if one.knows_code else []
        redeemed = redeem(
            price(one.cart, self.catalog),
            self.catalog,
            self.promotions,
            codes,
            now,
            Customer(len(mine), uses),
        )
        order = placed_order(
            order_service_pb2.PlaceOrderRequest(quote_id="quo_" + "0" * 32),
            from_cart(redeemed.cart),
            order_id=UUID(int=len(self.orders)),
            owner=guest,
            placed_by=Actor.GUEST,
            actor_id=guest,
            note="",
            transaction="t",
            now=now,
            cancel_window=WINDOW,
        )
        self._compare(order, one, len(mine), uses)
        names = frozenset(discount.promotion_id for discount in order.discounts)
        self.orders.append(order)
        self.booked.append(Booked(guest, names, self.seconds))

    def _compare(
        self, order: order_pb2.Order, guest: Guest, orders: int, uses: Counter[str]
    ) -> None:
        by_id = {dish.product_id: dish for dish in self.dishes}
        wanted = zip(order.lines, guest.wanted.items(), strict=True)
        lines = [
            Line(line.line_id, dish, max(0, dish.price + SIZES[size]), number)
            for line, ((product_id, size), number) in wanted
            for dish in [by_id[product_id]]
        ]
        totals = [line.unit * line.number for line in lines]
        assert [line.total_minor for line in order.lines] == totals
        assert order.subtotal_minor == sum(totals)

        offers = [
            offer
            for offer in self.offers
            if order.subtotal_minor >= offer.minimum
            and (not offer.code or guest.knows_code)
            and not (offer.first_only and orders)
            and not (offer.uses and uses[offer.promotion_id] >= offer.uses)
        ]
        off = taken_off(offers, lines)
        names = ["", *(line.name for line in lines)]
        assert [(one.promotion_id, one.line_id, one.amount_minor) for one in order.discounts] == [
            (one.offer, names[one.line + 1], one.much) for one in off
        ]
        assert [
            (one.rate_basis_points, one.taxable_minor, one.tax_minor) for one in order.taxes
        ] == taxed(lines, off, self.excluded)
        self._reconcile(order)

    def _reconcile(self, order: order_pb2.Order) -> None:
        """Every amount of an order is accounted for, to the minor unit."""
        off = sum(one.amount_minor for one in order.discounts)
        tax = sum(one.tax_minor for one in order.taxes)
        left = order.subtotal_minor - off
        assert left >= 0
        assert all(one.amount_minor > 0 for one in order.discounts)
        assert order.subtotal_minor == sum(line.total_minor for line in order.lines)
        assert all(
            line.total_minor == line.quantity * line.unit_price_minor for line in order.lines
        )
        assert order.total_minor == left + (tax if self.excluded else 0)
        assert all(one.included != self.excluded for one in order.taxes)
        told = order_v1(order, TENANT)["totals"]
        assert (int(told["total_minor"]), int(told.get("tax_minor", 0))) == (
            order.total_minor,
            tax,
        )

    # States

    @rule(seconds=st.sampled_from((1, 60, 119, 120, 3600)))
    def wait(self, seconds: int) -> None:
        self.seconds += seconds

    @precondition(lambda self: self.booked)
    @rule(which=st.integers(0, 20), who=st.sampled_from(tuple(Actor)), way=st.integers(0, 2))
    def move(self, which: int, who: Actor, way: int) -> None:
        booked = self.booked[which % len(self.booked)]
        order = self.orders[which % len(self.booked)]
        late = self.seconds - booked.placed_at >= 120
        for actor in Actor:
            assert _offered(order, booked.status, actor, self.seconds) == set(
                ways(actor.value, booked.status, late)
            )
        if ahead := ways(who.value, booked.status, late):
            end = ahead[way % len(ahead)]
            assert puts_back(OrderState(booked.status), OrderState(end)) == (
                end == "cancelled" and booked.status in ("placed", "accepted")
            )
            booked.status = end

    @invariant()
    def nobody_has_a_promotion_more_often_than_anyone_may(self) -> None:
        for offer in getattr(self, "offers", ()):
            for guest in GUESTS:
                had = [
                    booked
                    for booked in self.booked
                    if booked.guest == guest
                    and booked.status not in ("cancelled", "refunded")
                    and offer.promotion_id in booked.promotion_ids
                ]
                assert not offer.uses or len(had) <= offer.uses
                assert not offer.first_only or len(had) <= 1


def _offered(order: order_pb2.Order, status: str, actor: Actor, seconds: int) -> set[str]:
    """Where the code lets somebody move an order, whichever way it is asked."""
    start, now = OrderState(status), NOON + timedelta(seconds=seconds)
    ends = order.cancel_expire_time.ToDatetime(UTC)
    offered = set(allowed(actor, start, ends, now))
    for end in OrderState:
        may = actor in who_may(start, end) and is_in_time(actor, end, ends, now)
        assert may == (end in offered)
    return {end.value for end in offered}


def _catalog(dishes: list[Dish], excluded: bool) -> Catalog:
    options = tuple(Option(name, name.title(), price_delta=add) for name, add in SIZES.items())
    return Catalog(
        currency="EUR",
        language="en",
        products=tuple(
            Product(
                id=dish.product_id,
                name=dish.product_id,
                category=dish.category,
                price=dish.price,
                option_group_ids=("size",),
                tax_rate=dish.rate,
            )
            for dish in dishes
        ),
        option_groups=(
            OptionGroup("size", "Size", OptionKind.ONE, options, default_option_ids=("usual",)),
        ),
        prices_exclude_tax=excluded,
    )


def _promotion(offer: Offer) -> Promotion:
    return Promotion(
        id=offer.promotion_id,
        name=offer.promotion_id,
        terms=_terms(offer),
        scope=Scope() if offer.parts else _scope(offer.of),
        minimum_subtotal=offer.minimum,
        stacking=Stacking(offer.stacking),
        is_first_order_only=offer.first_only,
        uses_per_customer=offer.uses,
    )


def _terms(offer: Offer) -> Terms:
    if offer.parts:
        parts = tuple(BundlePart(_scope(what), number) for what, number in offer.parts)
        return Bundle(parts, offer.price or None, offer.amount)
    off = Percentage(offer.percent) if offer.percent else Amount(offer.amount)
    return Code(offer.code, off) if offer.code else off


def _scope(of: str) -> Scope:
    if of in ("Food", "Drinks"):
        return Scope(categories=frozenset({of}))
    return Scope(product_ids=frozenset({of})) if of else Scope()
