"""A tenant's catalog as a document: what people ask about a menu, in words and prices."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from services.assembly.receipt import money

SOURCE = "catalog"
TITLE = "Menu"


def menu_document(catalog: Mapping[str, Any]) -> str:
    """JSON with a record for each product of a catalog (ProtoJSON of maitred.orders.v1.Catalog)."""
    currency = catalog.get("currency_code", "")
    groups = {group["option_group_id"]: group for group in catalog.get("option_groups", ())}
    add_ons = {add_on["add_on_id"]: add_on for add_on in catalog.get("add_ons", ())}
    return json.dumps(
        {
            "menu": [
                _product(product, groups, add_ons, currency)
                for product in catalog.get("products", ())
            ]
        },
        ensure_ascii=False,
    )


def _product(
    product: Mapping[str, Any],
    groups: Mapping[str, Mapping[str, Any]],
    add_ons: Mapping[str, Mapping[str, Any]],
    currency: str,
) -> dict[str, Any]:
    choices = {
        groups[group]["name"]: _named(groups[group]["options"])
        for group in product.get("option_group_ids", ())
    }
    return {
        "name": product["name"],
        "category": product.get("category", ""),
        "description": product.get("description", ""),
        "price": money(product.get("price_minor", 0), currency),
        "allergens": product.get("allergens") or "none declared",
        **product.get("attributes", {}),
        "choices": choices,
        "extras": _named([add_ons[one] for one in product.get("add_on_ids", ())]),
    }


def _named(things: Sequence[Mapping[str, Any]]) -> list[str]:
    return [one["name"] for one in things if not one.get("unavailable")]
