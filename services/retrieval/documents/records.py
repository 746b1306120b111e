"""JSON as people read it: `path: value` lines, a section for each record."""

import json
from collections.abc import Iterator
from typing import Any

from services.retrieval.documents.section import Section, Unreadable

# Where a record says what it is called, the best first.
_NAMES = ("title", "name", "question", "heading", "label", "id")


def record_sections(content: str) -> Iterator[Section]:
    """The sections of a JSON document.

    Each object of an array at the top, or right below it, is a record with a section of its own;
    all the rest is one section.

    Raises:
        Unreadable: it is not JSON, or nested too deeply.
    """
    try:
        value = json.loads(content)
        sections = tuple(_sections(value))
    except json.JSONDecodeError as error:
        raise Unreadable(f"line {error.lineno}: {error.msg}") from None
    except RecursionError:
        raise Unreadable("it is nested too deeply") from None
    except ValueError as error:
        raise Unreadable(str(error)) from None
    yield from sections


def _sections(value: Any) -> Iterator[Section]:
    if _is_table(value):
        yield from _records(value, ())
        return
    tables = {}
    if isinstance(value, dict):
        tables = {key: part for key, part in value.items() if _is_table(part)}
        value = {key: part for key, part in value.items() if key not in tables}
    if lines := list(_lines(value, "")):
        yield Section((), "\n".join(lines))
    for key, table in tables.items():
        yield from _records(table, (_clean(key),))


def _records(table: list[dict[str, Any]], headings: tuple[str, ...]) -> Iterator[Section]:
    for record in table:
        if lines := list(_lines(record, "")):
            name = next((_clean(record[key]) for key in _NAMES if _is_name(record.get(key))), "")
            yield Section((*headings, name) if name else headings, "\n".join(lines))


def _lines(value: Any, path: str) -> Iterator[str]:
    match value:
        case dict():
            for key, part in value.items():
                yield from _lines(part, f"{path}.{key}" if path else key)
        case list() if any(isinstance(part, dict | list) for part in value):
            for number, part in enumerate(value):
                yield from _lines(part, f"{path}[{number}]")
        case list():
            if said := [text for part in value if (text := _scalar(part))]:
                yield _line(path, ", ".join(said))
        case _:
            if said_once := _scalar(value):
                yield _line(path, said_once)


def _line(path: str, text: str) -> str:
    return f"{_clean(path)}: {text}" if path else text


def _scalar(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case _:
            return _clean(str(value)).strip()


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _clean(text: str) -> str:
    """Without what escapes may smuggle in and no text column holds."""
    return text.replace("\0", "").encode(errors="replace").decode()
