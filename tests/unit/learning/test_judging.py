"""What an event says of what was recommended, and who is believed."""

import pytest

from services.learning.facts import Left, Ordered, Rated, Subject
from services.learning.recommendations import Kind, Source, prevails
from tests.unit.learning.doings import NOON, after, recommendation, told

SUBJECT = Subject("dec_1", "ses_1")


@pytest.mark.parametrize(("stars", "value"), [(1, 0.0), (2, 0.25), (3, 0.5), (5, 1.0)])
def test_stars_say_the_same_of_everything_a_decision_led_to(stars: int, value: float) -> None:
    fact = Rated(SUBJECT, stars, NOON)
    assert {fact.says_of(recommendation(kind)).value for kind in Kind} == {value}


def test_an_offer_is_accepted_if_one_of_its_products_was_ordered() -> None:
    order = Ordered(SUBJECT, frozenset({"latte", "croissant"}), NOON)
    assert order.says_of(recommendation(Kind.UPSELL, "muffin", "croissant")).value == 1.0
    assert order.says_of(recommendation(Kind.UPSELL, "muffin")).value == 0.0
    assert order.says_of(recommendation(Kind.SERVE)).value == 1.0


def test_a_left_cart_is_bad() -> None:
    assert Left(SUBJECT, NOON).says_of(recommendation()).value == 0.0


@pytest.mark.parametrize(
    ("kind", "known", "new", "wins"),
    [
        (Kind.SERVE, Source.ORDER, Source.RATING, True),
        (Kind.SERVE, Source.RATING, Source.ORDER, False),
        (Kind.SERVE, Source.SESSION, Source.ORDER, True),
        (Kind.UPSELL, Source.RATING, Source.ORDER, True),
        (Kind.UPSELL, Source.ORDER, Source.RATING, False),
        (Kind.UPSELL, Source.ORDER, Source.SESSION, False),
    ],
)
def test_who_knows_best_is_believed(kind: Kind, known: Source, new: Source, wins: bool) -> None:
    before = recommendation(kind, outcome=told(0.5, known))
    assert prevails(before, told(1.0, new, minutes=2)) is wins


@pytest.mark.parametrize("source", [Source.ORDER, Source.SESSION])
def test_of_an_answer_only_stars_say_anything(source: Source) -> None:
    assert not prevails(recommendation(Kind.ANSWER), told(1.0, source))
    assert prevails(recommendation(Kind.ANSWER), told(0.0, Source.RATING))


def test_a_later_rating_replaces_an_earlier_one_whatever_it_says() -> None:
    rated = recommendation(outcome=told(1.0, minutes=5))
    assert prevails(rated, told(0.0, minutes=6))
    assert not prevails(rated, told(0.0, minutes=4))


def test_who_bought_it_once_has_accepted_it() -> None:
    offered = recommendation(Kind.UPSELL, "croissant")
    again = Ordered(SUBJECT, frozenset({"latte"}), after(minutes=9)).says_of(offered)
    accepted = recommendation(Kind.UPSELL, "croissant", outcome=told(1.0, Source.ORDER))
    declined = recommendation(Kind.UPSELL, "croissant", outcome=told(0.0, Source.ORDER))
    assert not prevails(accepted, again)
    assert prevails(declined, told(1.0, Source.ORDER, minutes=9))
