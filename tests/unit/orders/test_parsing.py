"""What guests say becomes a cart, on a menu the parser has never heard of."""

import pytest

from services.orders.carts.cart import Cart
from services.orders.carts.fitting import check
from services.orders.carts.operations import apply
from services.orders.carts.parsing import CartParser, parse
from services.orders.carts.reading import Focus, ParseResult, RefusalKind
from tests.unit.orders.noodles import NOODLE_BAR, shown

PARSER = CartParser(NOODLE_BAR)


def talk(*turns: str) -> tuple[Cart, ParseResult]:
    """The cart after a guest's turns, and the reading of the last."""
    cart, focus = Cart(), Focus()
    for turn in turns:
        reading = PARSER.parse(turn, cart, focus)
        cart, focus = apply(cart, reading.operations), reading.focus
        check(cart, NOODLE_BAR)
    return cart, reading


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        (["ramen"], "1 ramen"),
        (["Hi, can I get two ramens please?"], "2 ramen"),
        (["a couple of udons and a cola"], "2 udon; 1 cola"),
        (["I'll take a dozen pork gyoza"], "12 gyoza"),
        (["ramen x2"], "2 ramen"),
        (["raman with misso broth"], "1 ramen miso"),
        (["a Ramen… LARGE!"], "1 ramen large"),
        (["pork dumplings"], "1 gyoza"),
    ],
)
def test_names_synonyms_misspellings_and_numbers_are_understood(
    turns: list[str], expected: str
) -> None:
    assert shown(talk(*turns)[0]) == expected


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        (["a large spicy soy ramen"], "1 ramen large soy spicy"),
        (["ramen with soy broth, large and spicy"], "1 ramen large soy spicy"),
        (["a spicy ramen and a large udon"], "1 ramen spicy; 1 udon large"),
        (["ramen with soy and a spicy udon"], "1 ramen soy; 1 udon spicy"),
        (["ramen with corn and chili oil"], "1 ramen +chili-oil +corn"),
        (["a corn ramen"], "1 ramen +corn"),
        (["ramen with two chili oils"], "1 ramen +chili-oilx2"),
        (["ramen with 2 eggs"], "1 ramen eggx2"),
        (["ramen and a cola, spicy"], "1 ramen spicy; 1 cola"),
        (["jasmine tea"], "1 tea jasmine"),
        (["I'd like some jasmine"], "1 tea jasmine"),
        (["spicy please", "a ramen"], "1 ramen spicy"),
    ],
)
def test_options_find_the_product_they_were_said_of(turns: list[str], expected: str) -> None:
    assert shown(talk(*turns)[0]) == expected


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        (["ramen without broth"], "1 ramen no-broth"),
        (["ramen, no sesame"], "1 ramen -sesame"),
        (["ramen with nori but no scallions"], "1 ramen nori -scallions"),
        (["not spicy ramen"], "1 ramen"),
        (["a spicy ramen", "not spicy"], "1 ramen"),
        (["ramen with corn", "no corn please"], "1 ramen"),
        (["ramen and udon", "no udon"], "1 ramen"),
        (["I want a ramen. I don't want it spicy."], "1 ramen"),
    ],
)
def test_negations_take_away(turns: list[str], expected: str) -> None:
    assert shown(talk(*turns)[0]) == expected


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        (["two ramens, one spicy"], "1 ramen; 1 ramen spicy"),
        (["two ramens, one spicy and the other large"], "1 ramen large; 1 ramen spicy"),
        (["one spicy ramen and one regular ramen"], "1 ramen spicy; 1 ramen regular"),
        (["one spicy and one large ramen"], "1 ramen spicy; 1 ramen large"),
        (["one ramen that's spicy and one that isn't"], "1 ramen spicy; 1 ramen"),
        (["3 udons, 2 with soy and 1 dry"], "2 udon soy; 1 udon no-broth"),
        (["two ramens, both large"], "2 ramen large"),
        (["two ramens", "make one of them spicy"], "1 ramen; 1 ramen spicy"),
        (["two ramens, one for me and one for my friend"], "2 ramen"),
        (["ramen and udon", "make them both large"], "1 ramen large; 1 udon large"),
        (["ramen", "the same but spicy"], "1 ramen; 1 ramen spicy"),
        (["a large ramen", "another one"], "2 ramen large"),
    ],
)
def test_two_of_the_same_may_differ(turns: list[str], expected: str) -> None:
    assert shown(talk(*turns)[0]) == expected


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        (["ramen", "make that spicy"], "1 ramen spicy"),
        (["ramen", "actually could I get it large?"], "1 ramen large"),
        (["ramen with soy", "change it to miso"], "1 ramen miso"),
        (["ramen with soy", "miso instead of soy"], "1 ramen miso"),
        (["ramen with corn", "swap the corn for chili oil"], "1 ramen +chili-oil"),
        (["a spicy ramen", "actually make it an udon"], "1 udon spicy"),
        (["ramen and cola", "an udon instead of the ramen"], "1 udon; 1 cola"),
        (["ramen", "No, I want a spicy ramen"], "1 ramen spicy"),
        (["ramen", "yes, a ramen"], "1 ramen"),
        (["ramen", "make it three"], "3 ramen"),
        (["3 ramens", "actually just one"], "1 ramen"),
        (["ramen", "one more please"], "2 ramen"),
        (["ramen", "and an udon too"], "1 ramen; 1 udon"),
        (["I want a ramen, no wait, an udon"], "1 udon"),
        (["ramen and udon", "add corn to the ramen"], "1 ramen +corn; 1 udon"),
        (["ramen and udon", "just the udon please"], "1 udon"),
    ],
)
def test_guests_change_their_minds(turns: list[str], expected: str) -> None:
    assert shown(talk(*turns)[0]) == expected


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        (["ramen and udon", "remove the ramen"], "1 udon"),
        (["ramen and udon", "I don't want the udon anymore"], "1 ramen"),
        (["three ramens", "drop one"], "2 ramen"),
        (["three ramens", "cancel one of them"], "2 ramen"),
        (["ramen with corn", "take off the corn"], "1 ramen"),
        (["ramen with soy", "remove the soy broth"], "1 ramen"),
        (["ramen and udon", "cancel my order"], ""),
        (["ramen", "remove it"], ""),
    ],
)
def test_things_can_be_taken_back(turns: list[str], expected: str) -> None:
    assert shown(talk(*turns)[0]) == expected


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        (["ramen to go"], "1 ramen; way=go"),
        (["takeaway please, one udon"], "1 udon; way=go"),
        (["ramen for here"], "1 ramen"),
        (["ramen to go", "actually I'll eat in"], "1 ramen; way=here"),
        (["I'd like to go with the ramen"], "1 ramen"),
    ],
)
def test_choices_about_the_order_are_not_about_a_line(turns: list[str], expected: str) -> None:
    cart = talk(*turns)[0]
    assert shown(cart).replace("; way=here", "") == expected.replace("; way=here", "")


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("a ramen, extra hot please", "extra hot"),
        ("ramen with two chopsticks", "two chopsticks"),
        ("could I get a ramen and make it really quick boiled", "boiled"),
        ("ramen with light scallions", "light scallions"),
        ("udon with a splash of vinegar", "splash of vinegar"),
        ("ramen no lid", "no lid"),
    ],
)
def test_what_no_option_says_is_noted_for_the_kitchen(text: str, note: str) -> None:
    (line,) = talk(text)[0].lines
    assert note in line.note


@pytest.mark.parametrize(
    "text",
    [
        "do you have ramen?",
        "what kinds of broth do you have?",
        "how much is the udon",
        "can you tell me what's in the ramen?",
        "is there any gyoza?",
        "hello, how are you?",
        "what a lovely day",
        "I'm wondering whether the ramen is spicy",
    ],
)
def test_questions_and_small_talk_order_nothing(text: str) -> None:
    assert talk(text)[0] == Cart()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Do you have ramen? I'd like one with soy.", "1 ramen soy"),
        ("What's in the udon? I'll take two of those.", "2 udon"),
        ("Is there cola? A ramen please.", "1 ramen"),
    ],
)
def test_a_question_is_taken_up_only_by_what_follows_it(text: str, expected: str) -> None:
    assert shown(talk(text)[0]) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a ramen for Sarah",
        "My name's Ana, I'd like a ramen",
        "A ramen. The name is Nicodemus.",
        "my wife wants a ramen",
        "a ramen for my wife",
    ],
)
def test_whom_it_is_for_is_neither_a_wish_nor_an_item(text: str) -> None:
    cart, reading = talk(text)
    assert shown(cart) == "1 ramen"
    assert reading.refusals == ()


def test_a_correction_replaces_the_extra_it_corrects() -> None:
    assert shown(talk("ramen with corn", "no, actually chili oil")[0]) == "1 ramen +chili-oil"
    assert shown(talk("ramen with corn", "and chili oil too")[0]) == "1 ramen +chili-oil +corn"


def test_a_category_stands_for_all_that_is_sold_in_it() -> None:
    cart, reading = talk("some noodles please")
    assert cart.lines == ()
    assert set(reading.ambiguities[0].candidate_ids) == {"ramen", "udon"}
    assert shown(talk("two spicy noodles please", "ramen")[0]) == "2 ramen spicy"


def test_what_fits_several_things_is_asked_and_the_answer_completes_it() -> None:
    cart, reading = talk("two gyozas and a cola")
    assert shown(cart) == "1 cola"
    assert [a.candidate_ids for a in reading.ambiguities] == [("gyoza", "veg-gyoza")]
    assert shown(talk("two gyozas and a cola", "the vegetable ones")[0]) == "1 cola; 2 veg-gyoza"
    assert shown(talk("two gyozas and a cola", "the first")[0]) == "1 cola; 2 gyoza"


def test_an_alternative_is_a_question_not_an_order() -> None:
    cart, reading = talk("a ramen or an udon")
    assert cart.lines == ()
    assert reading.ambiguities[0].candidate_ids == ("ramen", "udon")


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("a mochi and a cola", RefusalKind.SOLD_OUT, "1 cola"),
        ("ramen with truffle broth", RefusalKind.SOLD_OUT, "1 ramen"),
        ("a spicy cola", RefusalKind.NOT_OFFERED, "1 cola"),
        ("a cola and a hamburger", RefusalKind.NOT_ON_MENU, "1 cola"),
        ("ramen with 7 eggs", RefusalKind.TOO_MANY, "1 ramen eggx3"),
        ("500 colas", RefusalKind.TOO_MANY, "99 cola"),
    ],
)
def test_what_cannot_be_had_is_refused_and_never_guessed(
    text: str, kind: RefusalKind, expected: str
) -> None:
    cart, reading = talk(text)
    assert shown(cart) == expected
    assert [refusal.kind for refusal in reading.refusals] == [kind]


def test_confidence_falls_with_what_was_not_understood() -> None:
    sure = talk("a ramen")[1].confidence
    unsure = talk("a raman and a hamburger")[1].confidence
    assert 0 <= unsure < sure <= 1


def test_unparsed_spans_are_the_guests_own_characters() -> None:
    text = "A cola and a hamburger, please"
    reading = PARSER.parse(text, Cart(), Focus())
    assert [(text[s.start : s.end], s.text) for s in reading.unparsed] == [
        ("hamburger", "hamburger")
    ]


def test_the_line_spoken_of_is_the_next_focus() -> None:
    cart, reading = talk("ramen and udon", "make the ramen spicy")
    assert reading.focus.line_id == cart.lines[0].line_id
    assert shown(talk("ramen and udon", "make the ramen spicy", "and large")[0]) == (
        "1 ramen large spicy; 1 udon"
    )


def test_reading_the_same_words_twice_gives_the_same_answer() -> None:
    once = parse("two ramens, one spicy", Cart(), Focus(), NOODLE_BAR)
    assert once == parse("two ramens, one spicy", Cart(), Focus(), NOODLE_BAR)


@pytest.mark.parametrize("text", ["", " ", "?!", "…", "🍜", "2", "no", "x" * 2000, "ramen " * 300])
def test_odd_texts_do_no_harm(text: str) -> None:
    cart = apply(Cart(), PARSER.parse(text, Cart(), Focus()).operations)
    check(cart, NOODLE_BAR)
