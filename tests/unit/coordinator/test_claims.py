"""No answer claims that something is free of anything unless the menu says so."""

import json
from pathlib import Path

import pytest

from services.coordinator.models.local.acts import Act, read_act
from services.coordinator.models.local.answers import answer
from services.coordinator.models.local.views import MenuView, menu_of

CATALOGS = Path(__file__).parents[3] / "services/assembly/demo/catalogs"
STAFF = ("please ask our staff.", "our staff can tell you.")


def menu(name: str) -> MenuView:
    return menu_of(json.loads((CATALOGS / f"{name}.json").read_text(encoding="utf-8")))


def asked(text: str, name: str = "coffee_bar") -> str:
    reading = read_act(text)
    assert reading.act is Act.ASK
    return answer(reading.question, menu(name)).text


@pytest.mark.parametrize(
    "text",
    [
        "is the oat milk gluten free?",
        "is there gluten in the oat milk?",
        "does the oat milk contain gluten?",
        "is the soy milk soy free?",
        "are the syrups gluten free?",
        "is oat milk vegan?",
        "is the latte sugar free?",
        "which drinks are made without whole milk?",
        "which drinks are caffeine free",
        "what is not vegan?",
    ],
)
def test_what_the_menu_does_not_say_is_left_to_the_staff(text: str) -> None:
    told = asked(text)
    assert told.endswith(STAFF)
    assert "yes" not in told.lower()
    assert "Latte" not in told


@pytest.mark.parametrize(
    ("text", "allergen"),
    [
        ("what's gluten free?", "gluten"),
        ("do you have anything without nuts?", "nuts"),
        ("anything without nuts?", "nuts"),
        ("something nut free please", "nuts"),
        ("lactose-free options?", "milk"),
        ("do you have lactose free milk?", "milk"),
        ("which bites are egg free?", "egg"),
        ("which cakes are safe for coeliacs?", "gluten"),
    ],
)
def test_only_what_the_list_leaves_out_is_named_as_free(text: str, allergen: str) -> None:
    told = asked(text)
    assert told.endswith(STAFF)
    having = [item.name for item in menu("coffee_bar").items if allergen in item.allergens]
    assert not [name for name in having if f" {name}," in told or f" {name} have" in told]
    assert "We also have" not in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("is the banana bread nut free?", "No, the Banana bread contains nuts."),
        ("does the bagel contain sesame?", "Yes, the Bagel contains sesame."),
        ("I'm allergic to sesame, can I have the bagel?", "The Bagel contains sesame."),
        ("can I eat the bagel if I have a sesame allergy?", "The Bagel contains sesame."),
        (
            "is the latte with oat milk dairy free?",
            "As it usually comes, the Latte contains milk; about Oat milk, please ask our staff.",
        ),
    ],
)
def test_yes_and_no_say_whether_it_is_in_there(text: str, told: str) -> None:
    assert asked(text) == told


def test_what_is_free_of_something_by_its_name_is_told() -> None:
    assert asked("do you have gluten free crust?", "pizzeria") == "Yes, we have Gluten-free crust."
    assert "We also have Gluten-free crust." in asked("which pizzas are gluten free?", "pizzeria")


def test_amounts_are_told_as_amounts() -> None:
    assert asked("which drinks have caffeine?").startswith("By our menu these have caffeine: ")
