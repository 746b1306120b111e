"""Answers are what the menu says, and its silence is no assurance."""

from typing import Any

import pytest

from services.coordinator.models.local.answers import Answer, answer
from services.coordinator.models.local.views import menu_of

MENU: dict[str, Any] = {
    "currency_code": "EUR",
    "products": [
        {
            "product_id": "ramen",
            "name": "Ramen",
            "category": "Noodles",
            "description": "Wheat noodles in broth.",
            "price_minor": "1200",
            "allergens": ["gluten", "egg"],
            "option_group_ids": ["size"],
            "attributes": {"vegan": "no", "spicy": "a little"},
        },
        {
            "product_id": "pho",
            "name": "Pho",
            "category": "Noodles",
            "price_minor": "1100",
            "allergens": ["fish"],
            "attributes": {"vegan": "no"},
        },
        {
            "product_id": "garden",
            "name": "Garden bowl",
            "synonyms": ["vegetarian bowl"],
            "category": "Rice",
            "price_minor": "900",
            "attributes": {"vegan": "yes"},
        },
        {
            "product_id": "egg_bowl",
            "name": "Egg bowl",
            "category": "Rice",
            "price_minor": "950",
            "allergens": ["egg"],
            "attributes": {"vegetarian": "yes"},
        },
        {"product_id": "cola", "name": "Cola", "category": "Drinks", "price_minor": "250"},
    ],
    "option_groups": [
        {
            "option_group_id": "size",
            "name": "Size",
            "options": [
                {"option_id": "regular", "name": "Regular"},
                {"option_id": "large", "name": "Large", "price_delta_minor": "300"},
            ],
        }
    ],
}
STAFF = "please ask our staff."


def told(question: str, subject: str = "") -> str:
    return answer(question, menu_of(MENU), subject).text


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("does the ramen contain gluten", "Yes, the Ramen contains gluten."),
        ("is there egg in the ramen", "Yes, the Ramen contains egg."),
        ("is the ramen gluten free", "No, the Ramen contains gluten."),
        ("is the ramen free of gluten", "No, the Ramen contains gluten."),
        ("can i have the ramen without egg", "No, the Ramen contains egg."),
        (
            "is there peanut in the ramen",
            f"For the Ramen our allergen list names gluten and egg; about peanut, {STAFF}",
        ),
        (
            "is the pho egg free",
            f"For the Pho our allergen list names fish; about egg, {STAFF}",
        ),
        (
            "what allergens are in the cola",
            f"For the Cola our allergen list names no allergens. For an allergy, {STAFF}",
        ),
    ],
)
def test_allergens_of_a_product_are_told_but_never_their_absence(question: str, text: str) -> None:
    assert told(question) == text


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("what has egg", "Our allergen list names egg for Ramen and Egg bowl."),
        ("which dishes contain egg", "Our allergen list names egg for Ramen and Egg bowl."),
        ("which noodles contain egg", "Our allergen list names egg for Ramen."),
        ("i am allergic to gluten", "Our allergen list names gluten for Ramen."),
        (
            "what is gluten free",
            "In our allergen list Pho, Garden bowl, Egg bowl and Cola have no gluten named.",
        ),
        (
            "which noodles are without gluten",
            "In our allergen list Pho have no gluten named.",
        ),
    ],
)
def test_who_asks_for_an_allergen_is_told_every_product(question: str, text: str) -> None:
    assert told(question) == f"{text} For an allergy, {STAFF}"


def test_an_allergen_that_no_list_names_is_left_to_the_staff() -> None:
    text = "Our allergen list doesn't speak of sesame; please ask our staff."
    assert told("what contains sesame") == told("i am allergic to sesame") == text


@pytest.mark.parametrize(
    ("question", "subject", "text"),
    [
        ("is it vegan", "Ramen", "Ramen: vegan, no."),
        ("is it vegetarian", "Egg bowl", "Egg bowl: vegetarian, yes."),
        ("is it vegetarian", "Garden bowl", "Garden bowl: vegetarian, yes."),
        ("does it contain gluten", "Ramen", "Yes, the Ramen contains gluten."),
        ("how much is it", "Pho", "Pho is €11.00."),
        ("how much is that in large", "Ramen", "Ramen (Large) is €15.00."),
        ("what is in it", "Ramen", "Ramen: Wheat noodles in broth; spicy: a little and vegan: no."),
    ],
)
def test_it_is_the_product_spoken_of_last(question: str, subject: str, text: str) -> None:
    assert told(question, subject) == text


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("is the ramen spicy", "Ramen: spicy, a little."),
        ("is the egg bowl vegetarian", "Egg bowl: vegetarian, yes."),
        ("is the cola vegan", "Our menu doesn't say that of the Cola; our staff can tell you."),
        ("what is vegan", "By our menu these are vegan: Garden bowl."),
        ("what is vegetarian", "By our menu these are vegetarian: Garden bowl and Egg bowl."),
        ("how much is a large ramen", "Ramen (Large) is €15.00."),
        ("how much are the noodles", "Ramen €12.00 and Pho €11.00."),
        ("what sizes do you have", "For size we have Regular and Large."),
        ("i have a question", "Of course, what would you like to know?"),
        ("can i pay by card", "You pay with our staff; I only take the order."),
        ("how long will it take", "I'm afraid I don't know that; our staff can tell you."),
        ("when will it be ready", "I'm afraid I don't know that; our staff can tell you."),
        ("my address is 5 high street", "Please tell our staff; I only take the order."),
    ],
)
def test_other_questions_are_answered_from_the_menu_or_left_to_the_staff(
    question: str, text: str
) -> None:
    assert told(question) == text


def test_an_answer_names_the_one_product_it_is_about() -> None:
    menu = menu_of(MENU)
    assert answer("how much is the pho", menu) == Answer("Pho is €11.00.", "Pho")
    assert answer("what is vegan", menu).named == ""


@pytest.mark.parametrize("category", ["Soups", "Lunch"])
@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("do you have soup", "Sorry, Tomato soup is served 11:00 to 14:00."),
        ("when do you serve tomato soup", "Sorry, Tomato soup is served 11:00 to 14:00."),
        ("do you have tea", "Sorry, we're out of Tea right now."),
    ],
)
def test_what_cannot_be_had_now_is_told_with_its_hours(
    category: str, question: str, text: str
) -> None:
    soup = {"name": "Tomato soup", "category": category, "served": "11:00 to 14:00"}
    products = [soup, {"name": "Tea", "category": "Drinks"}]
    menu = menu_of({"products": [{**one, "unavailable": True} for one in products]})
    assert answer(question, menu).text == text


def test_prices_are_told_of_what_cannot_be_had_too() -> None:
    soup = {"name": "Tomato", "category": "Soups", "price_minor": 500, "unavailable": True}
    menu = menu_of({"currency_code": "EUR", "products": [soup]})
    assert answer("how much are the soups", menu).text == "Tomato €5.00."
    assert answer("what is the cheapest", menu).text == "The Tomato, at €5.00."
