"""The catalog between its contract and the domain."""

from maitred.orders.v1 import catalog_pb2

from services.chassis.rpc.errors import Failure, FieldProblem, invalid
from services.orders.catalog.model import (
    AddOn,
    Catalog,
    InvalidCatalog,
    Option,
    OptionGroup,
    OptionKind,
    OrderChoice,
    Product,
)

_KINDS = {
    catalog_pb2.OPTION_GROUP_KIND_ONE: OptionKind.ONE,
    catalog_pb2.OPTION_GROUP_KIND_MANY: OptionKind.MANY,
    catalog_pb2.OPTION_GROUP_KIND_QUANTITY: OptionKind.QUANTITY,
}
_DEFAULT_MAX_QUANTITY = 10


def decode(document: bytes) -> Catalog:
    """The catalog a stored document means; an empty document is an empty catalog."""
    return to_catalog(catalog_pb2.Catalog.FromString(document))


def to_catalog(message: catalog_pb2.Catalog) -> Catalog:
    """The catalog a message means. Raises InvalidCatalog if it contradicts itself."""
    return Catalog(
        currency=message.currency_code,
        language=message.language or "en",
        products=tuple(_to_product(product) for product in message.products),
        option_groups=tuple(_to_group(group) for group in message.option_groups),
        add_ons=tuple(_to_add_on(add_on) for add_on in message.add_ons),
        order_choices=tuple(_to_choice(choice) for choice in message.order_choices),
        time_zone=message.time_zone or "UTC",
    )


def catalog_invalid(contradiction: InvalidCatalog) -> Failure:
    """CATALOG_INVALID, naming every contradiction."""
    return invalid(
        "CATALOG_INVALID",
        f"The catalog contradicts itself: {contradiction}.",
        [FieldProblem("catalog", problem) for problem in contradiction.problems],
        problems=str(len(contradiction.problems)),
    )


def _to_product(message: catalog_pb2.Product) -> Product:
    return Product(
        id=message.product_id,
        name=message.name,
        category=message.category,
        description=message.description,
        synonyms=tuple(message.synonyms),
        price=message.price_minor,
        allergens=tuple(message.allergens),
        option_group_ids=tuple(message.option_group_ids),
        add_on_ids=tuple(message.add_on_ids),
        attributes=tuple(sorted(message.attributes.items())),
        available=not message.unavailable,
    )


def _to_group(message: catalog_pb2.OptionGroup) -> OptionGroup:
    kind = _KINDS[message.kind]
    counted = kind is OptionKind.QUANTITY
    return OptionGroup(
        id=message.option_group_id,
        name=message.name,
        kind=kind,
        options=tuple(_to_option(option) for option in message.options),
        default_option_ids=tuple(message.default_option_ids),
        synonyms=tuple(message.synonyms),
        max_quantity=(message.max_quantity or _DEFAULT_MAX_QUANTITY) if counted else 1,
    )


def _to_option(message: catalog_pb2.Option) -> Option:
    return Option(
        id=message.option_id,
        name=message.name,
        synonyms=tuple(message.synonyms),
        price_delta=message.price_delta_minor,
        available=not message.unavailable,
    )


def _to_add_on(message: catalog_pb2.AddOn) -> AddOn:
    return AddOn(
        id=message.add_on_id,
        name=message.name,
        synonyms=tuple(message.synonyms),
        price=message.price_minor,
        available=not message.unavailable,
        max_quantity=message.max_quantity or _DEFAULT_MAX_QUANTITY,
    )


def _to_choice(message: catalog_pb2.OrderChoice) -> OrderChoice:
    return OrderChoice(
        id=message.order_choice_id,
        name=message.name,
        options=tuple(_to_option(option) for option in message.options),
        default_option_id=message.default_option_id or None,
        synonyms=tuple(message.synonyms),
    )
