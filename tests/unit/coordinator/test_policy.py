"""The next step of a dialogue: which tool to call, what to say."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from services.coordinator.models.local.memory import (
    Asked,
    Few,
    Memory,
    Pending,
    of_document,
    to_document,
)
from services.coordinator.models.local.policy import ToolAnswer, next_step
from services.coordinator.models.local.replies import read_back
from services.coordinator.models.local.steps import Call, Say, Step
from services.coordinator.sessions.cart import (
    AddOn,
    Cart,
    CartLine,
    Discount,
    Option,
    OrderChoice,
    Tax,
    to_json,
)

CART = Cart((CartLine("l1", "ramen", 1, "Ramen", total_minor=1200),), (), 1200, "EUR")
READ_BACK = read_back(CART)
WAITING = Memory(Asked.APPROVAL, READ_BACK)


def update(cart: Cart = CART, *, changed: bool = True, **report: Any) -> ToolAnswer:
    """An answer of update_cart."""
    text = "" if cart.is_empty else read_back(cart)
    content = {"cart": to_json(cart), "changed": changed, "read_back": text, **report}
    return ToolAnswer("update_cart", content)


def said(step: Step) -> str:
    """The text of a step that says something."""
    assert isinstance(step, Say)
    return step.text


def test_an_order_goes_to_the_cart_in_the_guests_words() -> None:
    step = next_step("two ramens please", [], Memory())
    assert step == Call("update_cart", {"text": "two ramens please"})


def test_a_filled_cart_is_read_back_at_once() -> None:
    step = next_step("a ramen", [update()], Memory())
    assert step == Say(READ_BACK, replace(WAITING, subject="Ramen"))


def test_a_yes_to_the_read_back_confirms() -> None:
    assert next_step("Yes, that's right.", [], WAITING) == Call("confirm", {})


@pytest.mark.parametrize("text", ["no", "not yet", "thanks", "hello", "hmm", "how much is it?"])
def test_anything_less_does_not_confirm(text: str) -> None:
    step = next_step(text, [], WAITING)
    assert not isinstance(step, Call) or step.name != "confirm"


def test_a_yes_to_something_else_than_a_read_back_does_not_confirm() -> None:
    memory = Memory(Asked.CHANGE, READ_BACK)
    step = next_step("yes", [], memory)
    assert step == Call("update_cart", {"text": "yes"})
    assert said(next_step("yes", [update(changed=False)], memory)).endswith(READ_BACK)


def test_a_yes_that_changes_the_cart_needs_another() -> None:
    larger = Cart((CartLine("l1", "ramen", 2, "Ramen", total_minor=2400),), (), 2400, "EUR")
    text = "Yes. I'll have two of them."
    assert next_step(text, [], WAITING) == Call("update_cart", {"text": text})
    step = next_step(text, [update(larger)], WAITING)
    assert said(step) == read_back(larger)
    assert isinstance(step, Say)
    assert (step.memory.asked, step.memory.read_back) == (Asked.APPROVAL, read_back(larger))


def test_a_yes_that_repeats_the_order_confirms() -> None:
    text = "Yes. It is a ramen for me."
    assert next_step(text, [update(changed=False)], WAITING) == Call("confirm", {})


def test_a_no_asks_what_to_change() -> None:
    step = next_step("no", [], WAITING)
    assert step == Say("No problem. What should I change?", Memory(Asked.CHANGE, READ_BACK))


def test_what_is_ambiguous_is_asked() -> None:
    ambiguity = {"phrase": "gyoza", "candidate_names": ["Pork Gyoza", "Vegetable Gyoza"]}
    step = next_step("gyoza", [update(Cart(), changed=False, ambiguities=[ambiguity])], Memory())
    assert said(step) == "Which gyoza would you like: Pork Gyoza or Vegetable Gyoza?"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("SOLD_OUT", "Sorry, we're out of mochi right now."),
        ("NOT_ON_MENU", "Sorry, we don't have mochi."),
        ("NOT_OFFERED", "Sorry, mochi isn't available with the Ramen."),
        (
            "TOO_MANY",
            "That's more than one order can hold: mochi. Please see what I have put down.",
        ),
    ],
)
def test_what_was_refused_is_said_before_the_read_back(kind: str, text: str) -> None:
    refusal = {"kind": f"REFUSAL_KIND_{kind}", "phrase": "a mochi", "product_id": "ramen"}
    assert said(next_step("x", [update(refusals=[refusal])], Memory())) == f"{text} {READ_BACK}"


def test_a_cancelled_order_is_gone() -> None:
    step = next_step("cancel my order", [update(Cart())], WAITING)
    assert step == Say("All right, I've cleared your order. Tell me whenever you'd like to order.",
                       Memory())  # fmt: skip


def test_an_option_without_a_product_asks_for_one() -> None:
    answer = update(Cart(), changed=False, unparsed=[{"text": "spicy"}])
    assert said(next_step("spicy", [answer], Memory())) == "What would you like with spicy?"


def test_off_topic_talk_is_turned_back_to_the_order() -> None:
    text = "my cat is called Felix"
    assert "only take orders" in said(next_step(text, [update(Cart(), changed=False)], Memory()))
    assert said(next_step(text, [update(changed=False)], WAITING)).endswith(READ_BACK)


MENU: Mapping[str, Any] = {
    "currency_code": "EUR",
    "products": [
        {
            "product_id": "ramen",
            "name": "Ramen",
            "category": "Noodles",
            "description": "Wheat noodles in broth.",
            "price_minor": "1200",
            "allergens": ["gluten", "egg"],
            "option_group_ids": ["broth"],
            "add_on_ids": ["corn"],
            "attributes": {"vegan": "no"},
        },
        {"product_id": "udon", "name": "Udon", "category": "Noodles", "price_minor": "1100"},
        {"product_id": "cola", "name": "Cola", "category": "Drinks", "price_minor": "250"},
        {"product_id": "mochi", "name": "Mochi", "category": "Sweets", "unavailable": True},
    ],
    "option_groups": [
        {
            "option_group_id": "broth",
            "name": "Broth",
            "options": [
                {"option_id": "miso", "name": "Miso"},
                {"option_id": "soy", "name": "Soy", "price_delta_minor": "50"},
            ],
        }
    ],
    "add_ons": [{"add_on_id": "corn", "name": "Sweet Corn", "price_minor": "80"}],
}


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("how much is the ramen?", "Ramen is €12.00."),
        ("how much is a ramen with corn", "Ramen (Sweet Corn) is €12.80."),
        ("what's your cheapest drink?", "The Cola, at €2.50."),
        ("what noodles do you have?", "We have Ramen and Udon."),
        ("what kinds of broth do you have?", "For broth we have Miso and Soy."),
        ("do you have sweet corn?", "Yes, we have Sweet Corn."),
        ("do you have mochi?", "Sorry, we're out of Mochi right now."),
        ("do you have pizza?", "Sorry, we don't have pizza."),
        ("what's in the ramen?", "Ramen: Wheat noodles in broth; vegan: no."),
        ("does the ramen contain egg?", "Yes, the Ramen contains egg."),
        (
            "does the udon contain egg?",
            "For the Udon our allergen list names no allergens; about egg, please ask our staff.",
        ),
        ("is the ramen vegan?", "Ramen: vegan, no."),
        ("is the cola vegan?", "Our menu doesn't say that of the Cola; our staff can tell you."),
        ("when do you close?", "I'm afraid I don't know that; our staff can tell you."),
        ("what do you have?", "Noodles: Ramen and Udon. Drinks: Cola. Sweets: ."),
    ],
)
def test_questions_are_answered_from_the_menu(question: str, answer: str) -> None:
    assert next_step(question, [], Memory()) == Call("retrieve_menu", {"query": ""})
    menu = ToolAnswer("retrieve_menu", MENU)
    assert said(next_step(question, [menu], Memory())) == answer.replace(" Sweets: .", "")


def test_a_question_keeps_the_order_in_sight() -> None:
    step = next_step("do you have pizza?", [ToolAnswer("retrieve_menu", MENU)], WAITING)
    memory = replace(WAITING, topic="do you have pizza")
    assert step == Say(f"Sorry, we don't have pizza. {READ_BACK}", memory)


def test_an_answer_that_points_at_the_question_is_read_with_it() -> None:
    memory = Memory(topic="do you have ramen")
    step = next_step("great, I'll take two of those", [], memory)
    assert step == Call("update_cart", {"text": "do you have ramen? great, I'll take two of those"})
    assert next_step("an udon", [], memory) == Call("update_cart", {"text": "an udon"})


def test_a_placed_order_is_told_and_forgotten() -> None:
    content = {"ok": True, "order_id": "ord_00ff12ab", "total_minor": 1200, "currency_code": "EUR"}
    step = next_step("yes", [ToolAnswer("confirm", content)], WAITING)
    assert step == Say(
        "Thank you! Your order is placed. Total: €12.00. Your order number is FF12AB.",
        Memory(placed="FF12AB"),
    )


def test_a_refused_confirmation_reads_the_new_cart_back() -> None:
    content = {"ok": False, "sold_out": ["Soy"], "read_back": READ_BACK}
    step = next_step("yes", [ToolAnswer("confirm", content)], WAITING)
    assert step == Say(f"Sorry, we're out of Soy right now. {READ_BACK}", WAITING)


FEW = [{"name": "Ramen", "wanted": 3, "left": 2, "one_line": True}]
ONLY_TWO = "Sorry, we have only 2 × Ramen left. Shall I make it 2?"
ASKED_FEWER = Memory(Asked.FEWER, READ_BACK, few=Few("Ramen", 2))


def test_what_is_left_is_offered_instead_of_a_read_back() -> None:
    step = next_step("3 ramens", [update(few=FEW)], Memory())
    assert step == Say(ONLY_TWO, replace(ASKED_FEWER, subject="Ramen"))
    content = {"ok": False, "problem": "sold_out", "read_back": READ_BACK, "few": FEW}
    assert next_step("yes", [ToolAnswer("confirm", content)], WAITING) == Say(ONLY_TWO, ASKED_FEWER)
    assert of_document(to_document(ASKED_FEWER)) == ASKED_FEWER


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("yes", "make it 2"),
        ("sure, go ahead", "make it 2"),
        ("no, just one please", "make it one"),
        ("2 is fine", "make it 2"),
        ("yes and an udon", "yes and an udon"),
        ("an udon instead", "an udon instead"),
    ],
)
def test_a_shortage_is_answered_by_what_the_guest_says(text: str, wish: str) -> None:
    assert next_step(text, [], ASKED_FEWER) == Call("update_cart", {"text": wish})


@pytest.mark.parametrize(
    ("text", "said_first"), [("hmm, let me think", "Take your time. "), ("that's all", "")]
)
def test_a_shortage_stays_to_be_answered(text: str, said_first: str) -> None:
    step = next_step(text, [], ASKED_FEWER)
    if isinstance(step, Say):
        assert (step.text, step.memory.few) == (f"{said_first}{ONLY_TWO}", ASKED_FEWER.few)
    else:
        assert step.name != "confirm"


def test_a_no_to_what_is_left_asks_what_to_change() -> None:
    step = next_step("no", [], ASKED_FEWER)
    assert step == Say("No problem. What should I change?", Memory(Asked.CHANGE, READ_BACK))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"problem": "quote_expired"}, "Sorry, the price I had for you no longer holds, so"),
        ({"problem": "promotion_used_up"}, "Sorry, a promotion has been used up, so"),
        ({"problem": "cart_changed", "repriced": True}, "Sorry, the price has changed since."),
        ({"ended": ["Spring", "May"]}, "Sorry, Spring and May no longer count for this order, so"),
    ],
)
def test_what_takes_another_yes_is_told_before_the_read_back(
    content: Mapping[str, Any], why: str
) -> None:
    answer = ToolAnswer("confirm", {"ok": False, "read_back": READ_BACK, **content})
    text = said(next_step("yes", [answer], WAITING))
    assert text.startswith(why)
    assert text.endswith(READ_BACK)


def test_the_read_back_names_an_added_tax_and_all_that_is_to_be_paid() -> None:
    taxed = replace(CART, taxes=(Tax(1000, 1200, 120, included=False),))
    assert "That's €12.00 plus €1.20 tax: €13.20 to pay." in read_back(taxed)
    off = replace(taxed, discounts=(Discount("spring", "Spring", "", 100),))
    told = "That's €12.00 less €1.00 for Spring plus €1.20 tax: €12.20 to pay."
    assert told in read_back(off)
    included = replace(CART, taxes=(Tax(1000, 1091, 109, included=True),))
    assert read_back(included) == READ_BACK


def test_the_read_back_names_all_that_was_chosen() -> None:
    line = CartLine(
        line_id="l1",
        product_id="ramen",
        quantity=2,
        product_name="Ramen",
        options=(
            Option("size", "large", "Large"),
            Option("heat", "mild", "Mild", is_default=True),
            Option("garnish", "nori", "Nori", quantity=0),
            Option("eggs", "egg", "Soft Egg", quantity=2),
        ),
        add_ons=(AddOn("corn", "Sweet Corn", 3),),
        note="no lid",
    )
    cart = Cart((line, *CART.lines), (OrderChoice("way", "go", "To Go"),), 3650, "USD")
    assert read_back(cart) == (
        "Your order: 2 × Ramen (Large, no Nori, 2 × Soft Egg, 3 × Sweet Corn, note “no lid”) "
        "and 1 × Ramen, to go. That's $36.50. Is that right? Shall I place the order?"
    )


def test_the_read_back_names_each_promotion_once_and_what_is_to_be_paid() -> None:
    cart = replace(
        CART,
        total_minor=2600,
        currency_code="EUR",
        discounts=(
            Discount("noon", "Noodle noon", "20% off 1 × Ramen.", 260, "l1"),
            Discount("noon", "Noodle noon", "20% off 1 × Udon.", 220, "l2"),
            Discount("five", "Five off", "Spend €20.00.", 500),
        ),
    )
    assert "That's €26.00 less €4.80 for Noodle noon and €5.00 for Five off: €16.20 to pay." in (
        read_back(cart)
    )


def test_an_answer_that_points_at_a_product_names_it() -> None:
    step = next_step("how much is the udon?", [ToolAnswer("retrieve_menu", MENU)], Memory())
    assert isinstance(step, Say)
    for text, meant in [
        ("ok two of those", "ok two Udon"),
        ("I'll take it", "I'll take Udon"),
        ("I'll have one, please", "I'll have one Udon, please"),
    ]:
        assert next_step(text, [], step.memory) == Call("update_cart", {"text": meant})


def test_how_much_it_is_means_the_product_just_asked_about_or_else_the_cart() -> None:
    menu = ToolAnswer("retrieve_menu", MENU)
    asked = next_step("is the udon vegan?", [menu], WAITING)
    assert isinstance(asked, Say)
    assert said(next_step("how much is it?", [menu], asked.memory)).startswith("Udon is €11.00.")
    for text in ("ok but how much is it", "total?", "what does that come to?",
                 "what was my order again?"):  # fmt: skip
        assert said(next_step(text, [], WAITING)) == READ_BACK


CHOOSING = Memory(Asked.CHOICE, pending=Pending("gyoza", ("Pork Gyoza", "Vegetable Gyoza")))


@pytest.mark.parametrize("text", ["yes", "hmm", "thanks", "not sure"])
def test_a_question_which_is_asked_again_until_it_is_answered(text: str) -> None:
    idle = update(Cart(), changed=False)
    step = next_step(text, [], CHOOSING)
    step = next_step(text, [idle], CHOOSING) if isinstance(step, Call) else step
    assert said(step).endswith("Which gyoza would you like: Pork Gyoza or Vegetable Gyoza?")
    assert isinstance(step, Say)
    assert step.memory.pending == CHOOSING.pending


def test_a_choice_may_be_told_by_its_place() -> None:
    for text, name in [("the second one", "Vegetable Gyoza"), ("the last one", "Vegetable Gyoza"),
                       ("first", "Pork Gyoza")]:  # fmt: skip
        assert next_step(text, [], CHOOSING) == Call("update_cart", {"text": name})


@pytest.mark.parametrize(
    "text", ["yes I want to change it", "I changed my mind", "can I change it"]
)
def test_who_wants_a_change_is_asked_which(text: str) -> None:
    assert said(next_step(text, [], WAITING)) == "No problem. What should I change?"


def test_a_placed_order_is_cancelled_by_the_staff() -> None:
    text = "I want to cancel my order"
    step = next_step(text, [update(Cart(), changed=False)], Memory(placed="FF12AB"))
    assert (
        said(step) == "Your order FF12AB is already placed; our staff can still cancel it for you."
    )


@pytest.mark.parametrize("text", ["hmm, not sure", "I don't know", "let me ask my wife"])
def test_who_hesitates_is_given_time(text: str) -> None:
    assert said(next_step(text, [], WAITING)) == f"Take your time. {READ_BACK}"


def test_memory_survives_storage() -> None:
    memory = Memory(Asked.CHOICE, READ_BACK, "FF12AB", "a question", "Udon", "Ramen",
                    CHOOSING.pending)  # fmt: skip
    assert of_document(to_document(memory)) == memory
    assert of_document({}) == Memory()
