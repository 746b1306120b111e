"""Paths of `google.api.http`, and the tree that finds the route of a request."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import unquote

Target = TypeVar("Target")

_SEGMENT = re.compile(r"\{(?P<field>[a-z][a-z0-9_.]*)(=\*)?\}|(?P<literal>[^{}*/:]+)")


@dataclass(frozen=True, slots=True)
class PathTemplate:
    """A path such as `/api/v1/orders/{order_id}:transition`.

    Attributes:
        segments: what lies between slashes; None where a variable stands.
        variables: field paths of the variables, in order.
        verb: what follows the final colon, without it; empty for none.
    """

    segments: tuple[str | None, ...]
    variables: tuple[str, ...]
    verb: str


def parse_template(text: str) -> PathTemplate:
    """Parse literals, `{field}`, `{field=*}` and a final `:verb`.

    Raises ValueError for the rest of the template language (`**`, nested patterns): no contract
    uses it.
    """
    body, verb = _split_verb(text)
    if not body.startswith("/"):
        raise ValueError(f"a path template begins with a slash: {text}")
    segments: list[str | None] = []
    variables: list[str] = []
    for part in body[1:].split("/"):
        found = _SEGMENT.fullmatch(part)
        if found is None:
            raise ValueError(f"not a supported path template: {text}")
        segments.append(found["literal"])
        if found["field"]:
            variables.append(found["field"])
    return PathTemplate(tuple(segments), tuple(variables), verb)


def _split_verb(text: str) -> tuple[str, str]:
    head, slash, last = text.rpartition("/")
    name, _, verb = last.partition(":")
    return head + slash + name, verb


@dataclass(frozen=True, slots=True)
class Match(Generic[Target]):
    """A route found: its target and the decoded values of its path's variables, in order."""

    target: Target
    values: tuple[str, ...]


class PathNotFound(LookupError):
    """No route has this path."""


class MethodNotAllowed(LookupError):
    """The path is known, with other methods."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__(", ".join(allowed))
        self.allowed = allowed


@dataclass(slots=True)
class _Node(Generic[Target]):
    literals: dict[str, _Node[Target]] = field(default_factory=dict)
    variable: _Node[Target] | None = None
    methods: dict[str, dict[str, Target]] = field(default_factory=dict)  # by verb, then method


class RouteTree(Generic[Target]):
    """Routes by path and method; a literal segment wins over a variable.

    A variable never matches an unescaped `:`; what follows one in the last segment is the verb.
    """

    def __init__(self) -> None:
        self._root: _Node[Target] = _Node()

    def add(self, method: str, template: PathTemplate, target: Target) -> None:
        """Add a route; ValueError where another already has its path and method."""
        node = self._root
        for segment in template.segments:
            if segment is None:
                node.variable = node.variable or _Node()
                node = node.variable
            else:
                node = node.literals.setdefault(segment, _Node())
        methods = node.methods.setdefault(template.verb, {})
        if method in methods:
            raise ValueError(f"two routes for {method} {template}")
        methods[method] = target

    def match(self, method: str, path: str) -> Match[Target]:
        """Find the route of a still percent-encoded path.

        Raises PathNotFound or MethodNotAllowed.
        """
        body, verb = _split_verb(path)
        allowed: set[str] = set()
        for node, raw in self._candidates(self._root, body[1:].split("/"), ()):
            methods = node.methods.get(verb, {})
            if method in methods:
                return Match(methods[method], tuple([unquote(value) for value in raw]))
            allowed.update(methods)
        if allowed:
            raise MethodNotAllowed(tuple(sorted(allowed)))
        raise PathNotFound(path)

    def _candidates(
        self, node: _Node[Target], segments: list[str], values: tuple[str, ...]
    ) -> Iterator[tuple[_Node[Target], tuple[str, ...]]]:
        if not segments:
            yield node, values
            return
        first, rest = segments[0], segments[1:]
        if first in node.literals:
            yield from self._candidates(node.literals[first], rest, values)
        if node.variable is not None and first and ":" not in first:
            yield from self._candidates(node.variable, rest, (*values, first))
