"""Transfers, and catalogs in bulk, between their contracts and the domain."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import json_format
from maitred.orders.v1 import catalog_pb2, catalog_transfer_pb2

from services.chassis.data.ids import to_id
from services.chassis.rpc.chain import problems_of
from services.chassis.rpc.errors import Failure, not_found
from services.orders.catalog.convert import to_catalog
from services.orders.catalog.model import InvalidCatalog
from services.orders.transfers.tabular import (
    COLUMNS,
    Row,
    Value,
    read_rows,
    read_table,
    write_table,
)
from services.orders.transfers.transfer import (
    Counts,
    Format,
    Mode,
    Problem,
    State,
    Transfer,
    Unreadable,
)

MEDIA_TYPES = {Format.JSON: "application/json", Format.CSV: "text/csv"}
_FORMATS = {
    catalog_transfer_pb2.CATALOG_FORMAT_JSON: Format.JSON,
    catalog_transfer_pb2.CATALOG_FORMAT_CSV: Format.CSV,
}
_MODES = {
    catalog_transfer_pb2.CATALOG_IMPORT_MODE_UNSPECIFIED: Mode.REPLACE,
    catalog_transfer_pb2.CATALOG_IMPORT_MODE_REPLACE: Mode.REPLACE,
    catalog_transfer_pb2.CATALOG_IMPORT_MODE_MERGE: Mode.MERGE,
}
_STATES = {
    State.WAITING: catalog_transfer_pb2.CATALOG_TRANSFER_STATE_WAITING,
    State.RUNNING: catalog_transfer_pb2.CATALOG_TRANSFER_STATE_RUNNING,
    State.SUCCEEDED: catalog_transfer_pb2.CATALOG_TRANSFER_STATE_SUCCEEDED,
    State.FAILED: catalog_transfer_pb2.CATALOG_TRANSFER_STATE_FAILED,
}
# Encoded: chats and clients read a catalog whole, as one message.
_MOST_BYTES = 4_000_000
# What a catalog has many of, and the field that tells one from another.
_LISTED: Mapping[str, Callable[[Any], str]] = {
    "products": lambda one: str(one.product_id),
    "option_groups": lambda one: str(one.option_group_id),
    "add_ons": lambda one: str(one.add_on_id),
    "order_choices": lambda one: str(one.order_choice_id),
    "categories": lambda one: str(one.name),
}
# Set by us, whatever a content says.
_OUTPUT_ONLY = ("available_now", "stock_count", "served")


@dataclass(frozen=True, slots=True)
class Content:
    """What an import comes to: the catalog's bytes, its products, and what that changes."""

    document: bytes
    products: int
    counts: Counts


def to_format(value: catalog_transfer_pb2.CatalogFormat.ValueType) -> Format:
    """A format by its number. KeyError for UNSPECIFIED."""
    return _FORMATS[value]


def to_mode(value: catalog_transfer_pb2.CatalogImportMode.ValueType) -> Mode:
    """A mode by its number."""
    return _MODES[value]


def from_transfer(transfer: Transfer) -> catalog_transfer_pb2.CatalogTransfer:
    """A transfer's message."""
    message = catalog_transfer_pb2.CatalogTransfer(
        transfer_id=to_id("trf", transfer.transfer_id),
        is_import=transfer.is_import,
        format=next(number for number, one in _FORMATS.items() if one is transfer.format),
        dry_run=transfer.is_dry_run,
        state=_STATES[transfer.state],
        done_count=transfer.done,
        total_count=transfer.total,
        added_count=transfer.counts.added,
        changed_count=transfer.counts.changed,
        removed_count=transfer.counts.removed,
        problems=[
            catalog_transfer_pb2.CatalogTransferProblem(
                line=problem.line, column=problem.column, description=problem.description
            )
            for problem in transfer.problems
        ],
        principal_id=transfer.asked_by,
    )
    if transfer.is_import:
        is_merge = transfer.mode is Mode.MERGE
        message.mode = (
            catalog_transfer_pb2.CATALOG_IMPORT_MODE_MERGE
            if is_merge
            else catalog_transfer_pb2.CATALOG_IMPORT_MODE_REPLACE
        )
    message.create_time.FromDatetime(transfer.create_time)
    if transfer.end_time is not None:
        message.end_time.FromDatetime(transfer.end_time)
    return message


def transfer_not_found(transfer_id: str) -> Failure:
    """CATALOG_TRANSFER_NOT_FOUND."""
    return not_found(
        "CATALOG_TRANSFER_NOT_FOUND",
        f"There is no transfer {transfer_id}.",
        transfer_id=transfer_id,
    )


def transfer_not_ready(transfer_id: str, state: State) -> Failure:
    """CATALOG_TRANSFER_NOT_READY: nothing was written yet, or will be."""
    return Failure(
        grpc.StatusCode.FAILED_PRECONDITION,
        "CATALOG_TRANSFER_NOT_READY",
        f"The export {transfer_id} has written nothing: it is {state.value}.",
        metadata={"transfer_id": transfer_id, "state": state.value},
    )


def read_content(form: Format, mode: Mode, text: str, current: bytes) -> Content:
    """What an import makes of the catalog there is.

    Args:
        form: of the text.
        mode: what becomes of what it does not name.
        text: what came.
        current: the catalog's bytes, as stored; empty for none.

    Raises:
        Unreadable: it cannot be read, or the catalog would contradict itself.
    """
    before = catalog_pb2.Catalog.FromString(current)
    read = _of_json if form is Format.JSON else _of_csv
    catalog = read(text, before, mode)
    _check(catalog)
    document = catalog.SerializeToString()
    if len(document) > _MOST_BYTES:
        said = f"The catalog would come to {len(document)} bytes; it may have {_MOST_BYTES}."
        raise Unreadable(Problem(said))
    return Content(document, len(catalog.products), _counts(before, catalog))


def write_content(form: Format, document: bytes) -> str:
    """A stored catalog as text."""
    catalog = catalog_pb2.Catalog.FromString(document)
    if form is Format.JSON:
        text = json_format.MessageToJson(
            catalog, preserving_proto_field_name=True, ensure_ascii=False
        )
        return text + "\n"
    return write_table(_columns(product) for product in catalog.products)


def _of_json(text: str, before: catalog_pb2.Catalog, mode: Mode) -> catalog_pb2.Catalog:
    given = catalog_pb2.Catalog()
    try:
        is_object = isinstance(json.loads(text), dict)
        if is_object:
            json_format.Parse(text, given)
    except json.JSONDecodeError as error:
        raise Unreadable(Problem(f"This is no JSON: {error.msg}.", error.lineno)) from None
    except json_format.ParseError as error:
        said = str(error).partition("\n")[0].rstrip(".")
        raise Unreadable(Problem(f"This is no catalog: {said}.")) from None
    except RecursionError:
        raise Unreadable(Problem("This is no catalog: it is nested too deep.")) from None
    if not is_object:
        raise Unreadable(Problem("This is no catalog: it must be an object."))
    if mode is Mode.REPLACE:
        return given
    merged = catalog_pb2.Catalog()
    merged.CopyFrom(before)
    for field, key in _LISTED.items():
        ours = {key(one): one for one in getattr(before, field)}
        ours |= {key(one): one for one in getattr(given, field)}
        merged.ClearField(field)  # type: ignore[arg-type]  # a field's name, from our own table
        getattr(merged, field).extend(ours.values())
        given.ClearField(field)  # type: ignore[arg-type]
    merged.MergeFrom(given)
    return merged


def _of_csv(text: str, before: catalog_pb2.Catalog, mode: Mode) -> catalog_pb2.Catalog:
    if not before.currency_code:
        raise Unreadable(Problem("No column says the currency: begin with a catalog in JSON."))
    rows, problems = read_rows(read_table(text))
    known = {product.product_id: product for product in before.products}
    choices = {
        "option_group_ids": {one.option_group_id for one in before.option_groups},
        "add_on_ids": {one.add_on_id for one in before.add_ons},
    }
    found: dict[str, catalog_pb2.Product] = dict(known) if mode is Mode.MERGE else {}
    named: dict[str, int] = {}
    for row in rows:
        if row.product_id in named:
            described = f"{row.product_id} is on line {named[row.product_id]} already."
            problems.append(Problem(described, row.line, "product_id"))
        named.setdefault(row.product_id, row.line)
        product = _product(row, known.get(row.product_id), mode)
        if row.product_id not in found and "price_minor" not in {*row.values, *row.unread}:
            problems.append(Problem("There is no price.", row.line, "price_minor"))
        problems += _product_problems(product, row, choices)
        found[row.product_id] = product
    if problems:
        raise Unreadable(*sorted(problems, key=lambda one: one.line))
    catalog = catalog_pb2.Catalog()
    catalog.CopyFrom(before)
    catalog.ClearField("products")
    catalog.products.extend(found.values())
    return catalog


def _product(row: Row, before: catalog_pb2.Product | None, mode: Mode) -> catalog_pb2.Product:
    product = catalog_pb2.Product()
    if before is not None:
        product.CopyFrom(before)
    # What no column can say, such as windows, stays in either mode.
    for column in COLUMNS if mode is Mode.REPLACE else row.values:
        product.ClearField(column)  # type: ignore[arg-type]  # columns are fields' names
    product.product_id = row.product_id
    for column, value in row.values.items():
        if isinstance(value, tuple):
            getattr(product, column).extend(value)
        elif isinstance(value, Mapping):
            getattr(product, column).update(value)
        elif value is not None:
            setattr(product, column, value)
    return product


def _product_problems(
    product: catalog_pb2.Product, row: Row, choices: Mapping[str, Collection[str]]
) -> Iterable[Problem]:
    """What is wrong with a product, but for cells that could not be read."""
    for problem in problems_of(product):
        column = problem.field.partition("[")[0]
        if column not in row.unread:
            yield Problem(f"{problem.description}.", row.line, column)
    for column, known in choices.items():
        for one in getattr(product, column):
            if one not in known:
                yield Problem(f"There is no {one}.", row.line, column)


def _check(catalog: catalog_pb2.Catalog) -> None:
    for product in catalog.products:
        for field in _OUTPUT_ONLY:
            product.ClearField(field)  # type: ignore[arg-type]  # fields' names
    problems = [Problem(f"{one.field}: {one.description}.") for one in problems_of(catalog)]
    if problems:
        raise Unreadable(*problems)
    try:
        to_catalog(catalog)
    except InvalidCatalog as contradiction:
        raise Unreadable(*(Problem(f"{one}.") for one in contradiction.problems)) from None


def _counts(before: catalog_pb2.Catalog, after: catalog_pb2.Catalog) -> Counts:
    old = {product.product_id: product for product in before.products}
    new = {product.product_id: product for product in after.products}
    return Counts(
        added=len(new.keys() - old.keys()),
        changed=sum(old[id_] != new[id_] for id_ in new.keys() & old.keys()),
        removed=len(old.keys() - new.keys()),
    )


def _columns(product: catalog_pb2.Product) -> Mapping[str, Value]:
    found: dict[str, Value] = {}
    for column in COLUMNS:
        value = getattr(product, column)
        if column == "tax_rate_basis_points":
            found[column] = value if product.HasField("tax_rate_basis_points") else None
        elif column == "attributes":
            found[column] = dict(value)
        else:
            found[column] = value if isinstance(value, str | int) else tuple(value)
    return found
