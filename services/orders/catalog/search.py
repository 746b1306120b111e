"""Finding products by what is written about them, in spite of misspellings.

Every word of the query is compared with every word of the catalog once; a product scores by its
best field: how much of the query the field has, times what that field is worth.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz, process

from services.orders.catalog.model import Catalog, Product

_EXACT_NAME, _EXACT_SYNONYM = 1.0, 0.98
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
    exact: float


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
        words = sorted({word for field in self._fields for word in field.words})
        number = {word: n for n, word in enumerate(words)}
        self._words = words
        self._places = np.array([number[w] for f in self._fields for w in f.words], dtype=np.intp)
        lengths = np.array([len(field.words) for field in self._fields], dtype=np.intp)
        self._lengths = lengths
        self._starts = np.cumsum(lengths) - lengths
        self._worth = np.array([field.worth for field in self._fields])

    def search(self, query: str, limit: int) -> tuple[Match, ...]:
        """The best `limit` products, best first; equals stand in the catalog's order."""
        asked = _words(query)
        if not asked or not self._fields:
            return ()
        best = np.zeros(len(self._products))
        scores = self._score(asked)
        np.maximum.at(best, np.array([field.product for field in self._fields]), scores)
        order = np.argsort(-best, kind="stable")[:limit]
        return tuple(
            Match(self._products[n], round(float(best[n]), 4)) for n in order if best[n] > 0
        )

    def _score(self, asked: tuple[str, ...]) -> npt.NDArray[np.float64]:
        alike = process.cdist(asked, self._words, scorer=fuzz.ratio, score_cutoff=_ALIKE)
        # Words the catalog has nowhere, such as "something", cannot tell its products apart.
        alike = alike[alike.any(axis=1)]
        if not alike.size:
            return np.zeros(len(self._fields))
        per_field = np.maximum.reduceat(alike[:, self._places], self._starts, axis=1)
        found = per_field.mean(axis=0) / 100
        # Of two fields that have all of the query, the one with fewer other words is meant.
        focus = np.minimum(1.0, len(alike) / self._lengths)
        understood = 0.8 + 0.2 * len(alike) / len(asked)
        worth = self._worth * (0.7 + 0.3 * focus) * understood
        scores = np.where(found >= _ENOUGH, found * worth, 0.0)
        for n, field in enumerate(self._fields):
            if field.exact and field.words == asked:
                scores[n] = field.exact
        return scores


def _fields(position: int, product: Product) -> Iterator[_Field]:
    yield _Field(position, _words(product.name), _NAME, _EXACT_NAME)
    for synonym in product.synonyms:
        yield _Field(position, _words(synonym), _SYNONYM, _EXACT_SYNONYM)
    yield _Field(position, _words(product.category), _HEADING, 0.0)
    for name, value in product.attributes:
        yield _Field(position, _words(f"{name} {value}"), _FACT, 0.0)
    for allergen in product.allergens:
        yield _Field(position, _words(allergen), _FACT, 0.0)
    yield _Field(position, _words(product.description), _TEXT, 0.0)


def _words(text: str) -> tuple[str, ...]:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return tuple(re.findall(r"\w+", "".join(c for c in plain if not unicodedata.combining(c))))
