"""Markdown cut at its headings (CommonMark's, of both kinds), code fences left alone."""

import re
from collections.abc import Iterator, Sequence

from services.retrieval.documents.section import Section

_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t](.*))?$")
_UNDERLINE = re.compile(r" {0,3}(=+|-{2,})[ \t]*$")
_FENCE = re.compile(r" {0,3}(```|~~~)")
# What the line above an underline must not begin with to be a heading: lists, quotes, tables.
_NO_HEADING = re.compile(r" {0,3}([-*+>|#]|\d+[.)]|    )")


def markdown_sections(content: str) -> Iterator[Section]:
    """The sections of a Markdown document. A heading with nothing below it is its own text."""
    path: list[tuple[int, str]] = []
    body: list[str] = []
    for level, text in _lines(content.splitlines()):
        if level == 0:
            body.append(text)
            continue
        yield from _section(path, body, level)
        path = [one for one in path if one[0] < level] + [(level, text)]
        body = []
    yield from _section(path, body, 0)


def _section(
    path: Sequence[tuple[int, str]], body: Sequence[str], next_level: int
) -> Iterator[Section]:
    headings = tuple(text for _, text in path)
    text = "\n".join(body).strip()
    if not text and path and next_level <= path[-1][0]:
        text = headings[-1]
    if text:
        yield Section(headings, text)


def _lines(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Each line with the level of the heading it is; 0 for text."""
    fence = ""
    number = 0
    while number < len(lines):
        line = lines[number]
        below = lines[number + 1] if number + 1 < len(lines) else ""
        number += 1
        if mark := _FENCE.match(line):
            fence = "" if fence == mark.group(1) else fence or mark.group(1)
            yield 0, line
        elif fence:
            yield 0, line
        elif heading := _HEADING.match(line):
            yield len(heading.group(1)), _title(heading.group(2) or "")
        elif line.strip() and not _NO_HEADING.match(line) and (bar := _UNDERLINE.match(below)):
            number += 1
            yield (1 if bar.group(1)[0] == "=" else 2), line.strip()
        else:
            yield 0, line


def _title(text: str) -> str:
    """A heading's words, without the marks that may close it."""
    words = text.split()
    if words and not words[-1].strip("#"):
        words.pop()
    return " ".join(words)
