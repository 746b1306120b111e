"""The demo tenants' menus are good menus."""

import protovalidate
import pytest
from google.protobuf import json_format
from maitred.orders.v1 import catalog_pb2, promotion_service_pb2

from services.assembly.demo.seed import CATALOGS, PROMOTIONS
from services.orders.catalog.convert import to_catalog
from services.orders.catalog.model import Catalog, OptionKind
from services.orders.promotions.checking import check
from services.orders.promotions.convert import to_promotion
from services.orders.promotions.promotion import Amount, Bundle, Code, HappyHour, Percentage

NAMES = ("coffee_bar", "pizzeria")


def read(name: str) -> Catalog:
    text = (CATALOGS / f"{name}.json").read_text(encoding="utf-8")
    message = json_format.Parse(text, catalog_pb2.Catalog())
    protovalidate.validate(message)
    return to_catalog(message)


@pytest.mark.parametrize("name", NAMES)
def test_a_demo_menu_shows_every_kind_of_choice(name: str) -> None:
    catalog = read(name)
    assert {group.kind for group in catalog.option_groups} == set(OptionKind)
    assert len(catalog.products) >= 25
    assert catalog.order_choices


@pytest.mark.parametrize("name", NAMES)
def test_a_demo_tenant_has_promotions_of_every_kind(name: str) -> None:
    text = (PROMOTIONS / f"{name}.json").read_text(encoding="utf-8")
    message = json_format.Parse(text, promotion_service_pb2.ListPromotionsResponse())
    protovalidate.validate(message)
    promotions = [to_promotion(promotion) for promotion in message.promotions]
    for promotion in promotions:
        check(promotion, [other for other in promotions if other is not promotion], read(name))
    assert {type(promotion.terms) for promotion in promotions} == {
        Percentage,
        Amount,
        Bundle,
        HappyHour,
        Code,
    }


@pytest.mark.parametrize("name", NAMES)
def test_something_is_sold_out(name: str) -> None:
    assert any(not product.available for product in read(name).products)


@pytest.mark.parametrize("name", NAMES)
def test_all_groups_and_add_ons_are_offered_somewhere(name: str) -> None:
    catalog = read(name)
    assert {g for p in catalog.products for g in p.option_group_ids} == set(catalog.groups_by_id)
    assert {a for p in catalog.products for a in p.add_on_ids} == set(catalog.add_ons_by_id)


def test_the_coffee_bar_sells_a_latte_with_oat_milk_and_a_croissant() -> None:
    catalog = read("coffee_bar")
    assert "milk" in catalog.products_by_id["latte"].option_group_ids
    oat = catalog.groups_by_id["milk"].option("oat")
    assert oat is not None
    assert oat.available
    assert catalog.products_by_id["croissant"].available
