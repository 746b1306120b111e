r"""Products as CSV (RFC 4180): one line each, below a head line that names the columns.

Several values in a cell stand between `|`; a `|` or a `\` inside one is written with a `\` before
it. Attributes are `name=value`.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.orders.transfers.transfer import Problem, Unreadable

Value = str | int | bool | tuple[str, ...] | Mapping[str, str] | None

_TEXTS = ("product_id", "name", "category", "description")
_LISTS = ("synonyms", "allergens", "option_group_ids", "add_on_ids")
# With what each is counted in.
_NUMBERS = {
    "price_minor": "amounts are in minor units",
    "tax_rate_basis_points": "rates are in basis points, 1900 for 19 %",
}
COLUMNS = (
    *_TEXTS,
    "synonyms",
    "price_minor",
    "allergens",
    "option_group_ids",
    "add_on_ids",
    "unavailable",
    "attributes",
    "tax_rate_basis_points",
)
_FLAGS = {"": False, "false": False, "no": False, "0": False, "true": True, "yes": True, "1": True}
_NUMBER = r"-?\d+"
# More than any of them may be, and less than the narrowest field overflows at.
_MOST = 999_999_999


@dataclass(frozen=True, slots=True)
class Table:
    """A head line and the lines below, each with the number it has in the text."""

    head: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A product's line: values by column, of the columns that are there and could be read."""

    line: int
    product_id: str
    values: Mapping[str, Value]
    unread: frozenset[str]


def read_table(text: str) -> Table:
    """The cells of a text.

    Raises:
        Unreadable: it is no CSV, or its head line names no `product_id`, an unknown column, or one
            twice.
    """
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    rows: list[tuple[int, tuple[str, ...]]] = []
    begun = 1
    try:
        for read in reader:
            if any(cell.strip() for cell in read):
                rows.append((begun, tuple(read)))
            begun = reader.line_num + 1
    except csv.Error as error:
        raise Unreadable(Problem(f"This is no CSV: {error}.", reader.line_num)) from None
    if not rows:
        raise Unreadable(Problem("There is no head line.", 1))
    line, cells = rows[0]
    head = tuple(cell.strip().lower() for cell in cells)
    if problems := [*_head_problems(head, line)]:
        raise Unreadable(*problems)
    return Table(head, tuple(rows[1:]))


def read_rows(table: Table) -> tuple[list[Row], list[Problem]]:
    """The products of a table, and what is wrong with others."""
    found, problems = [], []
    for line, cells in table.rows:
        if len(cells) != len(table.head):
            described = f"{len(cells)} cells where the head line has {len(table.head)}."
            problems.append(Problem(described, line))
            continue
        values: dict[str, Value] = {}
        unread = set()
        for column, cell in zip(table.head, cells, strict=True):
            try:
                values[column] = _value(column, cell.strip())
            except ValueError as error:
                problems.append(Problem(str(error), line, column))
                unread.add(column)
        product_id = values.pop("product_id", "")
        found.append(Row(line, str(product_id), values, frozenset(unread)))
    return found, problems


def write_table(products: Iterable[Mapping[str, Value]]) -> str:
    """Products as CSV, every column."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for product in products:
        writer.writerow([_cell(product[column]) for column in COLUMNS])
    return text.getvalue()


def _head_problems(head: Sequence[str], line: int) -> Iterable[Problem]:
    if "product_id" not in head:
        yield Problem("There is no column product_id.", line)
    for index, column in enumerate(head):
        if column not in COLUMNS:
            yield Problem(
                f"There is no such column; columns are {', '.join(COLUMNS)}.", line, column
            )
        elif column in head[:index]:
            yield Problem("The column is there twice.", line, column)


def _value(column: str, cell: str) -> Value:
    if column in _LISTS:
        return tuple(_parts(cell))
    if column in _NUMBERS:
        return _number(column, cell)
    if column == "unavailable":
        if cell.lower() not in _FLAGS:
            raise ValueError(f"{cell} is neither true nor false.")
        return _FLAGS[cell.lower()]
    if column == "attributes":
        return dict(_pair(part) for part in _parts(cell))
    return cell


def _number(column: str, cell: str) -> int | None:
    if not cell:
        if column == "price_minor":
            raise ValueError("There is no price.")
        return None
    if not re.fullmatch(_NUMBER, cell, re.ASCII):
        raise ValueError(f"{cell[:40]} is no whole number; {_NUMBERS[column]}.")
    # Long ones are not even converted.
    if len(cell) > len(str(-_MOST)) or abs(int(cell)) > _MOST:
        raise ValueError(f"{cell[:40]} is out of range; {_NUMBERS[column]}.")
    return int(cell)


def _parts(cell: str) -> Iterable[str]:
    parts = re.findall(r"(?:\\.|[^|\\])+", cell)
    return (re.sub(r"\\(.)", r"\1", part).strip() for part in parts if part.strip())


def _pair(part: str) -> tuple[str, str]:
    name, separator, value = part.partition("=")
    if not separator or not name.strip():
        raise ValueError(f"{part[:40]} is not name=value.")
    return name.strip(), value.strip()


def _cell(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "|".join(_escaped(f"{name}={text}") for name, text in sorted(value.items()))
    if isinstance(value, tuple):
        return "|".join(map(_escaped, value))
    return str(value)


def _escaped(text: str) -> str:
    return re.sub(r"([|\\])", r"\\\1", text)
