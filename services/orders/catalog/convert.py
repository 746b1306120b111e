"""The catalog between its contract and the domain."""

from collections.abc import Iterable
from datetime import date, time

from maitred.orders.v1 import catalog_pb2, catalog_service_pb2

from services.chassis.rpc.errors import Failure, FieldProblem, invalid, not_found, precondition
from services.orders.catalog.model import (
    AddOn,
    Catalog,
    Category,
    InvalidCatalog,
    Option,
    OptionGroup,
    OptionKind,
    OrderChoice,
    Product,
)
from services.orders.hours import Hours, Window

_KINDS = {
    catalog_pb2.OPTION_GROUP_KIND_ONE: OptionKind.ONE,
    catalog_pb2.OPTION_GROUP_KIND_MANY: OptionKind.MANY,
    catalog_pb2.OPTION_GROUP_KIND_QUANTITY: OptionKind.QUANTITY,
}
_DEFAULT_MAX_QUANTITY = 10
# As of SetStock.
MOST_COUNTED = 1_000_000_000
_CHANGEABLE = frozenset(
    {
        "name",
        "category",
        "description",
        "price_minor",
        "unavailable",
        "tax_rate_basis_points",
    }
)


def decode(document: bytes) -> Catalog:
    """The catalog a stored document means; an empty document is an empty catalog."""
    return to_catalog(catalog_pb2.Catalog.FromString(document))


def to_catalog(message: catalog_pb2.Catalog) -> Catalog:
    """The catalog a message means. Raises InvalidCatalog if it contradicts itself."""
    if bad := tuple(_bad_dates(message)):
        raise InvalidCatalog(bad)
    return Catalog(
        currency=message.currency_code,
        language=message.language or "en",
        products=tuple(_to_product(product) for product in message.products),
        option_groups=tuple(_to_group(group) for group in message.option_groups),
        add_ons=tuple(_to_add_on(add_on) for add_on in message.add_ons),
        order_choices=tuple(_to_choice(choice) for choice in message.order_choices),
        time_zone=message.time_zone or "UTC",
        categories=tuple(_to_category(category) for category in message.categories),
        prices_exclude_tax=message.prices_exclude_tax,
        default_tax_rate=message.default_tax_rate_basis_points,
    )


def catalog_invalid(contradiction: InvalidCatalog) -> Failure:
    """CATALOG_INVALID, naming every contradiction."""
    return invalid(
        "CATALOG_INVALID",
        f"The catalog contradicts itself: {contradiction}.",
        [FieldProblem("catalog", problem) for problem in contradiction.problems],
        problems=str(len(contradiction.problems)),
    )


def changed(document: bytes, request: catalog_service_pb2.UpdateProductRequest) -> bytes:
    """A stored document with what a request gives of a product.

    Raises:
        Failure: NOT_FOUND PRODUCT_NOT_FOUND, INVALID_ARGUMENT CATALOG_INVALID.
    """
    catalog = catalog_pb2.Catalog.FromString(document)
    product = product_of(catalog, request.product_id)
    for given, value in request.ListFields():
        if given.name in _CHANGEABLE:
            setattr(product, given.name, value)
    if request.HasField("allergens"):
        product.allergens[:] = request.allergens.values
    if request.HasField("availability"):
        del product.availability[:]
        product.availability.extend(request.availability.values)
    try:
        to_catalog(catalog)
    except InvalidCatalog as contradiction:
        raise catalog_invalid(contradiction) from contradiction
    return catalog.SerializeToString()


def marked(
    document: bytes, request: catalog_service_pb2.SetAvailabilityRequest
) -> tuple[bytes, bool]:
    """A stored document with something sold out or not, and whether that is new.

    Raises:
        Failure: NOT_FOUND PRODUCT_NOT_FOUND, CATALOG_ITEM_NOT_FOUND.
    """
    catalog = catalog_pb2.Catalog.FromString(document)
    item = _item(catalog, request)
    if item.unavailable == request.unavailable:
        return document, False
    item.unavailable = request.unavailable
    return catalog.SerializeToString(), True


def product_of(catalog: catalog_pb2.Catalog, product_id: str) -> catalog_pb2.Product:
    """The product. Raises PRODUCT_NOT_FOUND."""
    for product in catalog.products:
        if product.product_id == product_id:
            return product
    raise product_not_found(product_id)


def product_not_found(product_id: str) -> Failure:
    """PRODUCT_NOT_FOUND."""
    return not_found(
        "PRODUCT_NOT_FOUND", f"There is no product {product_id}.", product_id=product_id
    )


def stock_not_counted(product_id: str) -> Failure:
    """STOCK_NOT_COUNTED."""
    return precondition(
        "STOCK_NOT_COUNTED",
        f"The stock of {product_id} is not counted; set it first.",
        product_id=product_id,
    )


def stock_too_low(product_id: str, count: int) -> Failure:
    """STOCK_TOO_LOW."""
    return precondition(
        "STOCK_TOO_LOW",
        f"Only {count} of {product_id} are left.",
        product_id=product_id,
        count=str(count),
    )


def stock_too_high() -> Failure:
    """INVALID_FIELD: more than anyone may say there are."""
    problem = f"makes more than {MOST_COUNTED}"
    fields = [FieldProblem("delta", problem)]
    return invalid("INVALID_FIELD", f"delta {problem}.", fields, field="delta")


def _item(
    catalog: catalog_pb2.Catalog, request: catalog_service_pb2.SetAvailabilityRequest
) -> catalog_pb2.Product | catalog_pb2.Option | catalog_pb2.AddOn:
    if request.HasField("product_id"):
        return product_of(catalog, request.product_id)
    if request.HasField("add_on_id"):
        for add_on in catalog.add_ons:
            if add_on.add_on_id == request.add_on_id:
                return add_on
        raise _item_not_found(request.add_on_id)
    for group in catalog.option_groups:
        if group.option_group_id == request.option.option_group_id:
            for option in group.options:
                if option.option_id == request.option.option_id:
                    return option
    raise _item_not_found(request.option.option_id)


def _item_not_found(id_: str) -> Failure:
    return not_found("CATALOG_ITEM_NOT_FOUND", f"There is no {id_}.", id=id_)


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
        tax_rate=_rate(message),
        windows=_to_windows(message.availability),
    )


def _to_category(message: catalog_pb2.Category) -> Category:
    return Category(message.name, _rate(message), _to_windows(message.availability))


def _rate(message: catalog_pb2.Product | catalog_pb2.Category) -> int | None:
    if message.HasField("tax_rate_basis_points"):
        return message.tax_rate_basis_points
    return None


def _to_windows(messages: Iterable[catalog_pb2.AvailabilityWindow]) -> tuple[Window, ...]:
    return tuple(
        Window(
            Hours(_time(window.start_time), _time(window.end_time), frozenset(window.weekdays)),
            _date(window.start_date),
            _date(window.end_date),
        )
        for window in messages
    )


def _time(text: str) -> time:
    return time.fromisoformat(text or "00:00")


def _date(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _bad_dates(message: catalog_pb2.Catalog) -> Iterable[str]:
    owned = [
        (f"category {category.name}", category.availability) for category in message.categories
    ]
    owned += [
        (f"product {product.product_id}", product.availability) for product in message.products
    ]
    for where, windows in owned:
        for window in windows:
            for text in (window.start_date, window.end_date):
                try:
                    _date(text)
                except ValueError:
                    yield f"{where}: {text} is no day"


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
