"""The menu of the recorded coffee dialogues as a catalog to import.

Input is the data set's ``menu.json``; output the JSON form of ``maitred.orders.v1.Catalog``.
The menu has no prices, so everything costs 0, and its currency is a formality; it counts no
add-ons, so none can be had twice.
"""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import yaml

_Json = dict[str, Any]


def coffee_catalog(menu: Mapping[str, Any]) -> _Json:
    """Return the catalog for a menu, with the synonyms kept beside this module.

    Raises KeyError when the menu lacks a field its format names.
    """
    synonyms: _Json = yaml.safe_load(
        files(__package__).joinpath("coffee_menu.yaml").read_text(encoding="utf-8")
    )
    return {
        "currency_code": "USD",
        "language": menu["language"],
        "products": [_product(item, synonyms["products"]) for item in menu["items"]],
        "option_groups": [
            _group(group, synonyms["options"], synonyms["groups"])
            for group in menu["option_groups"]
        ],
        "add_ons": [_add_on(add_on, synonyms["add_ons"]) for add_on in menu["addons"]],
        "order_choices": [
            _choice(attribute, synonyms["order_choices"])
            for attribute in menu["order_attributes"]
            if attribute["options"]
        ],
    }


def option_id(name: str) -> str:
    """Return the id given to an option the menu only names."""
    words = "".join(c if c.isalnum() else " " for c in name.lower()).split()
    return "-".join(words)


def _product(item: Mapping[str, Any], synonyms: Mapping[str, Sequence[str]]) -> _Json:
    attributes = {
        "size": f"{item['size_oz']} oz" if item["size_oz"] else "",
        "tea type": item["tea_type"] or "",
    }
    return {
        "product_id": item["id"],
        "name": item["name"],
        "category": item["category"],
        "description": item["description"] or "",
        "synonyms": _distinct(item["also_called"], synonyms.get(item["name"], ())),
        "price_minor": 0,
        "option_group_ids": item["option_groups"],
        "add_on_ids": item["addons"],
        "attributes": {name: value for name, value in attributes.items() if value},
    }


def _group(
    group: Mapping[str, Any],
    synonyms: Mapping[str, Sequence[str]],
    group_synonyms: Mapping[str, Sequence[str]],
) -> _Json:
    return {
        "option_group_id": group["id"],
        "name": group["name"],
        "kind": f"OPTION_GROUP_KIND_{group['choose'].upper()}",
        "options": [_option(name, synonyms) for name in group["options"]],
        "default_option_ids": [option_id(group["default"])] if group["default"] else [],
        "synonyms": list(group_synonyms.get(group["name"], ())),
    }


def _option(name: str, synonyms: Mapping[str, Sequence[str]]) -> _Json:
    return {"option_id": option_id(name), "name": name, "synonyms": list(synonyms.get(name, ()))}


def _add_on(add_on: Mapping[str, Any], synonyms: Mapping[str, Sequence[str]]) -> _Json:
    return {
        "add_on_id": add_on["id"],
        "name": add_on["name"],
        "synonyms": list(synonyms.get(add_on["name"], ())),
        "price_minor": 0,
        "max_quantity": 1,
    }


def _choice(attribute: Mapping[str, Any], synonyms: Mapping[str, Sequence[str]]) -> _Json:
    return {
        "order_choice_id": attribute["id"],
        "name": attribute["name"],
        "options": [_option(name, synonyms) for name in attribute["options"]],
        "default_option_id": option_id(attribute["default"]) if attribute["default"] else "",
    }


def _distinct(*names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(name for group in names for name in group))
