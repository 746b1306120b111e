"""Stretches of text that name something in the catalog.

Every window of words is compared with every phrase that could contain it, in any order and
with misspellings; the set of windows that explains the text best wins.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from services.orders.carts.english import DEGREES, FRAME, ORDINARY
from services.orders.carts.lexicon import GLUE, Entity, EntityKind, Lexicon, Phrase
from services.orders.carts.tokens import Token

_WIDEST = 8
_SKIPPED = frozenset({"of", "the"})
_TELLING_COVERAGE = 0.45
_COMPLETE = 0.98
_AS_GOOD_AS_COMPLETE = 0.99
_FILLER_WORTH = 0.85
_NEAR = 0.8
_GLUE_WORTH = 0.3
_CATEGORY_SCORE = 0.5


@dataclass(frozen=True, slots=True)
class Sense:
    """One thing a mention may mean. ``coverage`` is the share of its name that was said."""

    entity: Entity
    score: float
    coverage: float

    @property
    def is_complete(self) -> bool:
        """Whether the whole name was said."""
        return self.coverage >= _COMPLETE


@dataclass(frozen=True, slots=True)
class Mention:
    """Tokens ``start`` to ``end`` (exclusive) and what they may mean, likeliest first."""

    start: int
    end: int
    senses: tuple[Sense, ...]

    def best(self, *kinds: EntityKind) -> Sense | None:
        """Return the likeliest sense of these kinds."""
        return next((s for s in self.senses if s.entity.kind in kinds), None)

    def rivals(self, kind: EntityKind) -> tuple[Sense, ...]:
        """Return the senses of a kind that fit about as well as its best one."""
        best = self.best(kind)
        if best is None:
            return ()
        near = [s for s in self.senses if s.entity.kind is kind and s.score >= best.score * _NEAR]
        return tuple(s for s in near if s.is_complete) if best.is_complete else tuple(near)


def link(tokens: Sequence[Token], lexicon: Lexicon) -> tuple[Mention, ...]:
    """Return the mentions that together explain most of the tokens; none overlap."""
    windows = _windows(tokens, lexicon)
    best: list[tuple[float, tuple[Mention, ...]]] = [(0.0, ())]
    for end in range(1, len(tokens) + 1):
        value, chosen = best[end - 1]
        for mention, worth in windows.get(end, ()):
            before, earlier = best[mention.start]
            if before + worth > value:
                value, chosen = before + worth, (*earlier, mention)
        best.append((value, chosen))
    return best[-1][1]


def _windows(tokens: Sequence[Token], lexicon: Lexicon) -> dict[int, list[tuple[Mention, float]]]:
    spellings = [_spellings(tokens, i, lexicon) for i in range(len(tokens))]
    found: dict[int, list[tuple[Mention, float]]] = {}
    for start in range(len(tokens)):
        if not spellings[start]:
            continue
        candidates: frozenset[int] | None = None
        said: list[int] = []
        for end in range(start + 1, min(start + _WIDEST, len(tokens)) + 1):
            at = end - 1
            if not tokens[at].is_word:
                break
            numbers = frozenset[int]().union(
                *(lexicon.phrases_with(word) for word, _ in spellings[at])
            )
            narrowed = numbers if candidates is None else candidates & numbers
            if narrowed:
                candidates = narrowed
                said.append(at)
                if scored := _score(tokens, said, candidates, spellings, lexicon):
                    senses, worth = scored
                    found.setdefault(end, []).append((Mention(start, end, senses), worth))
            elif tokens[at].norm not in _SKIPPED:
                break
    return found


_Spellings = tuple[tuple[str, float], ...]


def _spellings(tokens: Sequence[Token], at: int, lexicon: Lexicon) -> _Spellings:
    token = tokens[at]
    if not token.is_word:
        return ()
    return lexicon.spellings(token.norm)


def _score(
    tokens: Sequence[Token],
    said: Sequence[int],
    candidates: frozenset[int],
    spellings: Sequence[_Spellings],
    lexicon: Lexicon,
) -> tuple[tuple[Sense, ...], float] | None:
    telling = any(_is_telling(tokens[at].norm) for at in said)
    senses: dict[Entity, Sense] = {}
    for number in candidates:
        phrase = lexicon.phrases[number]
        sense = _sense(phrase, [spellings[at] for at in said])
        if sense is None or not (sense.coverage >= 1 or telling):
            continue
        known = senses.get(sense.entity)
        if known is None or sense.score > known.score:
            senses[sense.entity] = sense
    if not senses:
        return None
    ranked = tuple(sorted(senses.values(), key=lambda s: (-s.score, s.entity.id)))
    weight = sum(_GLUE_WORTH if tokens[at].norm in GLUE else 1.0 for at in said)
    return ranked, weight * ranked[0].score - 0.1


def _is_telling(word: str) -> bool:
    return not word.isdigit() and word not in FRAME | DEGREES | ORDINARY


def _sense(phrase: Phrase, said: Sequence[_Spellings]) -> Sense | None:
    """Score one phrase against the words said; None when it does not hold them all."""
    left = list(phrase.words)
    covered = 0.0
    similarity = 0.0
    order: list[int] = []
    for spellings in said:
        word = next(((w, s) for w, s in spellings if w in left), None)
        if word is not None:
            place = phrase.words.index(word[0])
            order.append(place)
            left.remove(word[0])
            covered += phrase.weights[word[0]]
            similarity += word[1]
            continue
        filler = next((s for w, s in spellings if w in phrase.fillers), None)
        if filler is None:
            return None
        similarity += filler * _FILLER_WORTH
    unsaid = frozenset(left)
    if not order or any(core <= unsaid for core in phrase.cores):
        return None
    coverage = min(covered / phrase.total, 1.0)
    if phrase.is_category:
        return Sense(phrase.entity, _CATEGORY_SCORE, 0.0) if coverage >= _COMPLETE else None
    said_words = {phrase.words[place] for place in order}
    if coverage < _COMPLETE and unsaid <= phrase.droppable and any(map(_is_telling, said_words)):
        coverage = _AS_GOOD_AS_COMPLETE
    if coverage < _COMPLETE and not _may_stand(phrase, coverage, said_words):
        return None
    shuffled = 1.0 if order == sorted(order) else 0.95
    fullness = 1.0 if coverage >= _COMPLETE else 0.35 + 0.4 * coverage
    return Sense(phrase.entity, shuffled * fullness * similarity / len(said), coverage)


def _may_stand(phrase: Phrase, coverage: float, said: set[str]) -> bool:
    """Whether a part of a phrase may stand for it."""
    return phrase.is_name and (coverage >= _TELLING_COVERAGE or bool(said & phrase.heads))
