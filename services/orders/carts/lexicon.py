"""Every word a catalog answers to, indexed once per catalog.

A word weighs less the more siblings share it: of several sauces the guest must say which, and
"sauce" alone names the question, not the answer. Nothing here knows what is sold.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from itertools import chain

from rapidfuzz import fuzz, process

from services.orders.carts.english import (
    COMMON_WORDS,
    DEGREES,
    FRAME,
    IDLE_WORDS,
    MONEY,
    NEGATORS,
)
from services.orders.carts.tokens import words_of
from services.orders.catalog.model import Catalog

GLUE = frozenset({"of", "and", "the", "a", "an", "with", "in", "on", "for", "to"})
_GLUE_WEIGHT = 0.05
_LOOSE_CUTOFF = 74.0
_TIGHT_CUTOFF = 78.0
_OTHER_INITIAL_CUTOFF = 87.0
_SWAPPED = 0.85


class EntityKind(Enum):
    """What a phrase can name."""

    PRODUCT = "product"
    OPTION = "option"
    ADD_ON = "add_on"
    GROUP = "group"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class Entity:
    """One thing of the catalog. ``parent`` is the group of an option, the choice of a choice."""

    kind: EntityKind
    id: str
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Phrase:
    """One way to say an entity.

    ``weights`` are by word and sum to ``total``. ``droppable`` words say nothing new, ``fillers``
    may stand beside without adding anything, and of each of the ``cores`` a word must be said.
    Only a name may be said in part, and a part is enough when it tells the entity from its
    siblings or is one of their ``heads``. A category stands for every product in it.
    """

    entity: Entity
    words: tuple[str, ...]
    weights: Mapping[str, float]
    total: float
    fillers: frozenset[str]
    droppable: frozenset[str]
    cores: tuple[frozenset[str], ...]
    heads: frozenset[str]
    is_name: bool
    is_category: bool = False


class Lexicon:
    """The phrases of a catalog by word, and the spelling of its words."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.phrases: tuple[Phrase, ...] = tuple(_phrases(catalog))
        by_word: dict[str, list[int]] = defaultdict(list)
        for number, phrase in enumerate(self.phrases):
            for word in set(phrase.words) | phrase.fillers:
                by_word[word].append(number)
        self._by_word: Mapping[str, frozenset[int]] = {w: frozenset(n) for w, n in by_word.items()}
        self._vocabulary = [w for w in by_word if len(w) > 2 and w not in FRAME and w.isalpha()]
        self._by_letters: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for word in self._vocabulary:
            self._by_letters[_letters(word)].append(word)

    def phrases_with(self, word: str) -> frozenset[int]:
        """Return the numbers of the phrases the word may be part of."""
        return self._by_word.get(word, frozenset())

    def knows(self, word: str) -> bool:
        """Whether the word is spelt so somewhere in the catalog."""
        return word in self._by_word

    def spellings(self, word: str) -> tuple[tuple[str, float], ...]:
        """Return words of the catalog this may be, with similarity in (0, 1], likeliest first."""
        if word in self._by_word:
            return ((word, 1.0),)
        if len(word) < 4 or not word.isalpha() or word in _NEVER_MISSPELT:
            return ()
        if swapped := self._by_letters.get(_letters(word)):
            return tuple((known, _SWAPPED) for known in swapped)
        cutoff = _LOOSE_CUTOFF if len(word) >= 8 else _TIGHT_CUTOFF
        found = process.extract(
            word, self._vocabulary, scorer=fuzz.ratio, score_cutoff=cutoff, limit=3
        )
        return tuple(
            (close, (score / 100) ** 1.5)
            for close, score, _ in found
            if close[0] == word[0] or score >= _OTHER_INITIAL_CUTOFF
        )


def _letters(word: str) -> tuple[str, ...]:
    """Return what stays the same when letters inside a word are swapped."""
    return (word[0], *sorted(word[1:-1]), word[-1])


# Everyday words that look like a menu word with a letter changed.
_NEVER_MISSPELT = FRAME | DEGREES | NEGATORS | COMMON_WORDS | IDLE_WORDS | MONEY


def _phrases(catalog: Catalog) -> Iterable[Phrase]:
    yield from _of_siblings(
        [
            (Entity(EntityKind.PRODUCT, p.id), (p.name, *p.synonyms), frozenset[str]())
            for p in catalog.products
        ]
    )
    for product in catalog.products:
        if words := words_of(product.category):
            entity = Entity(EntityKind.PRODUCT, product.id)
            yield replace(_phrase(entity, words), is_category=True)
    yield from _of_siblings(
        [
            (Entity(EntityKind.ADD_ON, a.id), (a.name, *a.synonyms), frozenset[str]())
            for a in catalog.add_ons
        ],
        share_heads=True,
    )
    for group in catalog.option_groups:
        names = (group.name, *group.synonyms)
        heads = frozenset(chain.from_iterable(words_of(name) for name in names)) - GLUE
        entities = [
            (Entity(EntityKind.OPTION, o.id, group.id), (o.name, *o.synonyms), heads)
            for o in group.options
        ]
        yield from _of_siblings(entities)
        yield from (_phrase(Entity(EntityKind.GROUP, group.id), words_of(n)) for n in names)
    for choice in catalog.order_choices:
        for option in choice.options:
            entity = Entity(EntityKind.CHOICE, option.id, choice.id)
            yield from (_phrase(entity, words_of(n)) for n in (option.name, *option.synonyms))


_Named = tuple[Entity, tuple[str, ...], frozenset[str]]


def _of_siblings(named: list[_Named], share_heads: bool = False) -> Iterable[Phrase]:
    spelt = [
        (entity, [words for name in names if (words := words_of(name))], fillers)
        for entity, names, fillers in named
    ]
    shared = Counter(
        word for _, phrases, _ in spelt for word in set(chain.from_iterable(phrases[:1]))
    )
    last = {p[-1] for _, phrases, _ in spelt for p in phrases[:1] if len(p) > 1}
    heads = frozenset(word for word, count in shared.items() if count > 1 and word in last)
    names = {entity: frozenset(phrases[0]) for entity, phrases, _ in spelt if phrases}
    by_rarest: dict[str, set[frozenset[str]]] = defaultdict(set)
    for name in names.values():
        by_rarest[min(name, key=lambda word: (shared[word], word))].add(name)
    for entity, phrases, fillers in spelt:
        own = names.get(entity, frozenset())
        nested = [name for word in own for name in by_rarest.get(word, ()) if name < own]
        for number, words in enumerate(phrases):
            extra = fillers | (heads if share_heads else frozenset())
            cores = tuple(nested) if number == 0 else ()
            yield _phrase(entity, words, shared, extra, cores, heads, is_name=number == 0)
            if len(words) > 1 and "".join(words).isalpha():
                yield _phrase(entity, ("".join(words),))


def _phrase(
    entity: Entity,
    words: tuple[str, ...],
    shared: Mapping[str, int] | None = None,
    fillers: frozenset[str] = frozenset(),
    cores: tuple[frozenset[str], ...] = (),
    heads: frozenset[str] = frozenset(),
    is_name: bool = False,
) -> Phrase:
    weights = {
        word: _GLUE_WEIGHT if word in GLUE else 1 / max((shared or {}).get(word, 1), 1)
        for word in words
    }
    return Phrase(
        entity=entity,
        words=words,
        weights=weights,
        total=sum(weights[word] for word in words),
        fillers=fillers - frozenset(words),
        droppable=fillers & frozenset(words) if set(words) - fillers else frozenset(),
        cores=cores,
        heads=heads | frozenset(words[-1:]),
        is_name=is_name,
    )
