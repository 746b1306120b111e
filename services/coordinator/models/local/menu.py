"""What of the menu a question is about."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import fuzz

from services.coordinator.models.local.views import Group, Item, MenuView, Value
from services.coordinator.models.local.wording import stem, words

_SMALL = frozenset(
    """
    a an the of and or with in on for to is are do does you your i me my we it that this any
    some have has what which kind kinds type types sort sorts how much many can could would tell
    about there get guys here please want know wondering wonder offer carry serve sell got
    available today be if like just hi hello hey good morning so think s who they them their use
    add free make made one assortment assortments choice choices option options selection menu
    price cost come comes else different all also ok let us see back own
    """.split()
)
_CLOSE = 84.0
_FAIRLY_CLOSE = 75.0
_SHORT = 3
# The names of some menus; each is compared with every question.
_MOST_NAMES = 16_384


@dataclass(frozen=True, slots=True)
class Found:
    """Parts of the menu. ``is_loose`` when items share only a word with the question.

    ``exact_values`` are options and add-ons whose whole name was said, ``values`` others that
    share a word with the question.
    """

    items: tuple[Item, ...] = ()
    exact_values: tuple[Value, ...] = ()
    values: tuple[Value, ...] = ()
    groups: tuple[Group, ...] = ()
    categories: tuple[str, ...] = ()
    is_loose: bool = False

    @property
    def all_values(self) -> tuple[Value, ...]:
        """The options and add-ons, those named in full first."""
        return (*self.exact_values, *self.values)

    @property
    def anything(self) -> bool:
        """Whether the question is about something on the menu."""
        return bool(self.items or self.all_values or self.groups or self.categories)


class _Asked(dict[str, bool]):
    """The words of a question; by a word of the menu, whether it was said, be it misspelt."""

    def __init__(self, said: Iterable[str]) -> None:
        super().__init__()
        self.words = frozenset(said)

    def __missing__(self, word: str) -> bool:
        self[word] = is_said = any(_alike(word, said) for said in self.words)
        return is_said


def find(question: str, menu: MenuView) -> Found:
    """Return the products, options, groups and categories a question names."""
    asked = _Asked(stem(w) for w in words(question) if w not in _SMALL)
    if not asked.words:
        return Found()
    named = _named_items(asked, menu)
    groups = tuple(
        g for g in (*menu.groups, *menu.choices) if _names_any((g.name, *g.synonyms), asked)
    )
    categories = tuple(
        dict.fromkeys(i.category for i in menu.items if _names_any((i.category,), asked))
    )
    exact, near = _values(asked, menu)
    if named:
        beside = not _all_said(named, asked)
        return Found(named, exact if beside else (), near if beside else (), groups, categories)
    loose = tuple(i for i in menu.items if asked.words & _item_words(i))
    return Found(loose, exact, near, groups, categories, is_loose=True)


def names_anything(text: str, menu: MenuView) -> bool:
    """Whether any word is one of the menu, or a misspelling of one."""
    asked = [stem(word) for word in words(text) if word not in _SMALL]
    groups = (*menu.groups, *menu.choices)
    values = [*menu.add_ons, *(option for group in groups for option in group.options)]
    names = [
        *(name for item in menu.items for name in (item.name, item.category, *item.synonyms)),
        *(name for group in groups for name in (group.name, *group.synonyms)),
        *(name for value in values for name in (value.name, *value.synonyms)),
    ]
    known = {word for name in names for word in _stems(name)}
    return any(
        word in known or (len(word) > _SHORT and any(_is_misspelt(word, other) for other in known))
        for word in asked
    )


def _is_misspelt(said: str, word: str) -> bool:
    return said[0] == word[0] and fuzz.ratio(said, word) >= _FAIRLY_CLOSE


def values_of(item: Item, question: str, menu: MenuView) -> tuple[Value, ...]:
    """Return the options and extras of a product that a question names beside it."""
    said = [stem(word) for word in words(question)]
    asked = _Asked(said)
    name = _longest_said(item, asked)
    asked = _Asked(word for word in said if word not in name)
    pool = [
        *(o for g in menu.groups if g.id in item.group_ids for o in g.options),
        *(a for a in menu.add_ons if a.id in item.add_on_ids),
    ]
    exact, near = _named_values(asked, pool)
    return exact or (near if len(near) == 1 else ())


def _named_items(asked: _Asked, menu: MenuView) -> tuple[Item, ...]:
    """Items whose whole name was said; the longest names win over names inside them."""
    found = [(item, _longest_said(item, asked)) for item in menu.items]
    hits = [(item, name) for item, name in found if name]
    return tuple(
        item for item, name in hits if not any(set(name) < set(other) for _, other in hits)
    )


def _values(asked: _Asked, menu: MenuView) -> tuple[tuple[Value, ...], tuple[Value, ...]]:
    pool = [*(o for g in (*menu.groups, *menu.choices) for o in g.options), *menu.add_ons]
    return _named_values(asked, pool)


def _named_values(
    asked: _Asked, pool: Sequence[Value]
) -> tuple[tuple[Value, ...], tuple[Value, ...]]:
    """Options and add-ons named in full, the longest names only; else those sharing a word."""
    hits = [(value, _longest_said(value, asked)) for value in pool]
    said = [set(name) for _, name in hits if name]
    exact = _distinct(
        v for v, name in hits if name and not any(set(name) < other for other in said)
    )
    if exact:
        return exact, ()
    return (), _distinct(v for v in pool if not asked.words.isdisjoint(_stems(v.name)))


def _longest_said(thing: Item | Value, asked: _Asked) -> tuple[str, ...]:
    """The longest of a thing's names that is in the question, empty if none is."""
    return max((n for n in _names_of(thing) if _within(n, asked)), key=len, default=())


def _distinct(values: Iterable[Value]) -> tuple[Value, ...]:
    return tuple({value.name: value for value in values}.values())


def _all_said(items: Iterable[Item], asked: _Asked) -> bool:
    said = {w for item in items for name in _names_of(item) for w in name}
    return said.issuperset(asked.words)


def _item_words(item: Item) -> set[str]:
    texts = (item.name, item.category, *(v for _, v in item.attributes))
    return {stem for text in texts for stem in _stems(text)}


def _names_of(thing: Item | Value) -> Iterable[tuple[str, ...]]:
    return map(_stems, (thing.name, *thing.synonyms))


def _names_any(names: Iterable[str], asked: _Asked) -> bool:
    return any(_within(_stems(name), asked) for name in names)


def _within(name: tuple[str, ...], asked: _Asked) -> bool:
    return bool(name) and all(map(asked.__getitem__, name))


def _alike(word: str, said: str) -> bool:
    return word == said or (
        min(len(word), len(said)) > 4 and word[0] == said[0] and fuzz.ratio(word, said) >= _CLOSE
    )


@lru_cache(_MOST_NAMES)
def _stems(text: str) -> tuple[str, ...]:
    return tuple(stem(w) for w in words(text) if w not in _SMALL)
