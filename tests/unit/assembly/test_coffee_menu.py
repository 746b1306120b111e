"""The recorded menu as a catalog to import."""

from typing import Any

from services.assembly.evals.coffee_menu import coffee_catalog

MENU: dict[str, Any] = {
    "language": "en",
    "items": [
        {
            "id": "latte-0002",
            "name": "Latte",
            "category": "espresso drinks",
            "size_oz": 12,
            "description": None,
            "tea_type": None,
            "also_called": ["Milk Coffee"],
            "option_groups": ["milk-options"],
            "addons": ["honey-016"],
        }
    ],
    "option_groups": [
        {
            "id": "milk-options",
            "name": "Milk",
            "choose": "one",
            "options": ["2% Milk", "Whole Milk"],
            "default": "Whole Milk",
        }
    ],
    "addons": [{"id": "honey-016", "name": "Honey"}],
    "order_attributes": [
        {"id": "order-type", "name": "Order Type", "options": ["Here", "To Go"], "default": "Here"},
        {"id": "name", "name": "Name", "options": None, "default": None},
    ],
}


def test_items_keep_their_ids_names_and_pairings() -> None:
    (latte,) = coffee_catalog(MENU)["products"]
    assert (latte["product_id"], latte["name"]) == ("latte-0002", "Latte")
    assert (latte["option_group_ids"], latte["add_on_ids"]) == (["milk-options"], ["honey-016"])
    assert latte["attributes"] == {"size": "12 oz"}
    assert "Milk Coffee" in latte["synonyms"]


def test_options_get_ids_from_their_names_and_defaults_follow() -> None:
    (milk,) = coffee_catalog(MENU)["option_groups"]
    assert [option["option_id"] for option in milk["options"]] == ["2-milk", "whole-milk"]
    assert (milk["kind"], milk["default_option_ids"]) == ("OPTION_GROUP_KIND_ONE", ["whole-milk"])


def test_only_choices_with_options_are_order_choices() -> None:
    (choice,) = coffee_catalog(MENU)["order_choices"]
    assert (choice["order_choice_id"], choice["default_option_id"]) == ("order-type", "here")
