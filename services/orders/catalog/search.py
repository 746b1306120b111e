"""Finding products by what is written about them, in spite of misspellings.

Every word of the query is compared with every word of the catalog once; a product scores by its
best field: how much of the query the field has, times what that field is worth. A name that is the
query comes before one that begins with it, and that before all others.
"""

import re
import unicodedata
from collections.abc import Container, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz, process

from services.orders.catalog.model import Catalog, Product

_EXACT_NAME, _EXACT_SYNONYM = 1.0, 0.98
# Of names and synonyms that begin with the query; the fewer letters are missing the better.
_BEGINNING, _SYNONYM_BEGINNING, _COMPLETE = 0.96, 0.955, 0.004
_NAME, _SYNONYM, _HEADING, _FACT, _TEXT = 0.95, 0.9, 0.7, 0.6, 0.5
# Two words less alike than this, in per cent, are different words.
_ALIKE = 76.0
# A field that has less of the query than this says nothing about it.
_ENOUGH = 0.5


@dataclass(frozen=True, slots=True)
class Match:
    """A product and how well it matches, in (0, 1]; 1 is an exact name."""

    product: Product
    score: float


@dataclass(frozen=True, slots=True)
class _Field:
    product: int
    words: tuple[str, ...]
    worth: float
    exact: float = 0.0
    beginning: float = 0.0


class ProductIndex:
    """The words of one catalog, laid out for comparing."""

    def __init__(self, catalog: Catalog) -> None:
        self._products = catalog.products
        self._fields = [
            field
            for position, product in enumerate(catalog.products)
            for field in _fields(position, product)
            if field.words
        ]
        self._named = [
            (n, " ".join(field.words), field) for n, field in enumerate(self._fields) if field.exact
        ]
        known = sorted({word for field in self._fields for word in field.words})
        number = {word: n for n, word in enumerate(known)}
        self._words = known
        self._places = np.array([number[w] for f in self._fields for w in f.words], dtype=np.intp)
        lengths = np.array([len(field.words) for field in self._fields], dtype=np.intp)
        self._lengths = lengths
        self._starts = np.cumsum(lengths) - lengths
        self._worth = np.array([field.worth for field in self._fields])

    def search(
        self, query: str, limit: int, among: Container[str] | None = None
    ) -> tuple[Match, ...]:
        """The best `limit` products, best first; equals stand in the catalog's order.

        Args:
            query: what to look for.
            limit: the most there shall be.
            among: ids of products to choose from; None for all.
        """
        asked = words(query)
        if not asked or not self._fields:
            return ()
        best = np.zeros(len(self._products))
        scores = self._score(asked)
        np.maximum.at(best, np.array([field.product for field in self._fields]), scores)
        order = np.argsort(-best, kind="stable")
        found = (
            Match(self._products[n], round(float(best[n]), 4))
            for n in order[: np.count_nonzero(best)]
            if among is None or self._products[n].id in among
        )
        return tuple(islice(found, limit))

    def _score(self, asked: tuple[str, ...]) -> npt.NDArray[np.float64]:
        alike = process.cdist(asked, self._words, scorer=fuzz.ratio, score_cutoff=_ALIKE)
        # Words the catalog has nowhere, such as "something", cannot tell its products apart.
        alike = alike[alike.any(axis=1)]
        scores = self._alike(alike, len(asked)) if alike.size else np.zeros(len(self._fields))
        said = " ".join(asked)
        for n, text, field in self._named:
            if text == said:
                scores[n] = field.exact
            elif text.startswith(said):
                scores[n] = field.beginning + _COMPLETE * len(said) / len(text)
        return scores

    def _alike(self, alike: npt.NDArray[Any], asked: int) -> npt.NDArray[np.float64]:
        per_field = np.maximum.reduceat(alike[:, self._places], self._starts, axis=1)
        found = per_field.mean(axis=0) / 100
        # Of two fields that have all of the query, the one with fewer other words is meant.
        focus = np.minimum(1.0, len(alike) / self._lengths)
        understood = 0.8 + 0.2 * len(alike) / asked
        worth = self._worth * (0.7 + 0.3 * focus) * understood
        scores: npt.NDArray[np.float64] = np.where(found >= _ENOUGH, found * worth, 0.0)
        return scores


def _fields(position: int, product: Product) -> Iterator[_Field]:
    yield _Field(position, words(product.name), _NAME, _EXACT_NAME, _BEGINNING)
    for synonym in product.synonyms:
        yield _Field(position, words(synonym), _SYNONYM, _EXACT_SYNONYM, _SYNONYM_BEGINNING)
    yield _Field(position, words(product.category), _HEADING)
    for name, value in product.attributes:
        yield _Field(position, words(f"{name} {value}"), _FACT)
    for allergen in product.allergens:
        yield _Field(position, words(allergen), _FACT)
    yield _Field(position, words(product.description), _TEXT)


def words(text: str) -> tuple[str, ...]:
    """The words of a text, in small letters without their marks."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return tuple(re.findall(r"\w+", "".join(c for c in plain if not unicodedata.combining(c))))
