"""A clause as a row of units: mentions where words were linked, single words elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.orders.carts.english import (
    ARTICLES,
    CONJUNCTIONS,
    DEFINITE,
    DEGREES,
    FRAME,
    IDLE_WORDS,
    MONEY,
    MULTIPLIERS,
    NEGATORS,
    ORDINALS,
    ORDINARY,
    UNITS,
    VESSELS,
)
from services.orders.carts.lexicon import EntityKind
from services.orders.carts.linking import Mention
from services.orders.carts.modifiers import MODIFIER_KINDS
from services.orders.carts.sentences import Clause
from services.orders.carts.working import Draft

_TRANSPARENT_TO_NO = (
    ARTICLES
    | DEFINITE
    | frozenset(
        "any it be made to want need have like add added put more with as make is too very so that "
        "really".split()
    )
)
_HEAD_COVERAGE = 0.4
_STYLES = frozenset("flavor flavour flavored flavoured style based sized type kind".split())


@dataclass(slots=True, eq=False)
class Unit:
    """Tokens ``start`` to ``end`` (exclusive). ``owner`` is the draft it came to be about.

    ``norm`` is the word of a single token and empty for a mention of several. What may be a
    product or a modifier is a product when ``is_introduced`` as a thing of its own.
    """

    start: int
    end: int
    norm: str
    number: int | None = None
    mention: Mention | None = None
    owner: Draft | None = None
    used: bool = False
    is_introduced: bool = False

    @property
    def is_unknown(self) -> bool:
        """Whether it is a content word nothing explains."""
        return (
            self.mention is None
            and self.number is None
            and self.norm[:1].isalpha()
            and self.norm not in FRAME
            and self.norm not in DEGREES
            and self.norm not in NEGATORS
            and self.norm not in ORDINARY
            and self.norm not in MULTIPLIERS
            and self.norm not in ORDINALS
            and self.norm not in UNITS
            and self.norm not in IDLE_WORDS
            and self.norm not in MONEY
        )


class Row:
    """The units of one clause, and what can be seen by looking around in them."""

    def __init__(self, clause: Clause, mentions: Sequence[Mention], text: str) -> None:
        self.clause = clause
        self._text = text
        self.units: list[Unit] = []
        inside = {m.start: m for m in mentions if clause.start <= m.start and m.end <= clause.end}
        at = clause.start
        while at < clause.end:
            token = clause.tokens[at]
            mention = inside.get(at)
            end = at + 1 if mention is None else mention.end
            number = None if mention else token.number
            norm = token.norm if end - at == 1 else ""
            self.units.append(Unit(at, end, norm, number, mention))
            at = end
        self._drop_weak()
        for place, unit in enumerate(self.units):
            unit.is_introduced = self._introduces(place)

    def product_after(self, at: int) -> int | None:
        """Return where the product is that the unit stands before, if it stands before one."""
        unknown = 0
        for ahead in range(at + 1, len(self.units)):
            unit = self.units[ahead]
            if self.is_product(ahead):
                return ahead
            if self.is_modifier(ahead) or unit.norm in ORDINARY | VESSELS | frozenset(MULTIPLIERS):
                continue
            if (
                unit.norm in {"of", "ounce", "oz"}
                or (unit.norm in DEFINITE and self.norm(ahead - 1) == "of")
                or unit.norm in DEGREES | _STYLES
            ):
                continue
            if unit.norm in {"down", "up"} and self.is_unknown(ahead - 1):
                continue
            if unit.is_unknown and unknown < 2:
                unknown += 1
                continue
            joined = unit.norm in CONJUNCTIONS or unit.norm == ","
            if joined and self.is_modifier(ahead - 1) and self.is_modifier(ahead + 1):
                continue
            return None
        return None

    def is_product(self, at: int) -> bool:
        """Whether the unit names a product here."""
        mention = self.mention(at)
        sense = mention.best(EntityKind.PRODUCT) if mention else None
        if mention is None or sense is None:
            return False
        modifier = mention.best(*MODIFIER_KINDS)
        if modifier is None:
            return sense.is_complete or self._stands_alone(at, sense.coverage)
        if self.units[at].is_introduced:
            return True
        return sense.is_complete and not modifier.is_complete

    def is_modifier(self, at: int) -> bool:
        """Whether the unit names an option, an add-on or an option group here."""
        mention = self.mention(at)
        return (
            mention is not None
            and mention.best(*MODIFIER_KINDS) is not None
            and not self.is_product(at)
        )

    def mention(self, at: int) -> Mention | None:
        """Return the mention of a unit; None also beyond the row."""
        return self.units[at].mention if 0 <= at < len(self.units) else None

    def modifier(self, at: int) -> Mention | None:
        """Return the mention of a unit that names an option, add-on or group."""
        return self.mention(at) if self.is_modifier(at) else None

    def number(self, at: int) -> int | None:
        """Return the number a unit is; None also beyond the row."""
        return self.units[at].number if 0 <= at < len(self.units) else None

    def is_unknown(self, at: int) -> bool:
        """Whether a unit is a content word nothing explains."""
        return 0 <= at < len(self.units) and self.units[at].is_unknown

    def is_last(self, at: int) -> bool:
        """Whether nothing follows a unit."""
        return at + 1 == len(self.units)

    def phrase(self, first: int, last: int) -> str:
        """Return the guest's own words from one unit to another, both included."""
        tokens = self.clause.tokens
        start = tokens[self.units[first].start].start
        return self._text[start : tokens[self.units[last].end - 1].end]

    def text_end(self, at: int) -> int:
        """Return the last unit of the words behind that belong to this one."""
        last = at
        for ahead in range(at + 1, len(self.units)):
            if self.is_product(ahead) or self.units[ahead].number is not None:
                break
            if self.is_modifier(ahead):
                last = ahead
        return last

    def norm(self, at: int) -> str:
        """Return the word of a unit; empty beyond the row."""
        return self.units[at].norm if 0 <= at < len(self.units) else ""

    def is_negated(self, at: int) -> bool:
        """Whether a "no" reaches the unit."""
        back = at - 1
        while back >= 0 and self.units[back].norm in _TRANSPARENT_TO_NO:
            back -= 1
        if self.norm(at + 1) == "free" and self.clause.words.count("free") > 0:
            return True
        if back >= 1 and self.units[back].norm in {"or", "nor"} and self.is_modifier(back - 1):
            return self.is_negated(back - 1)
        return back >= 0 and self.units[back].norm in NEGATORS

    def text_start(self, at: int) -> int:
        """Return the first unit of the words in front that belong to this one."""
        back = at
        while back > 0 and (
            self.is_modifier(back - 1)
            or self.units[back - 1].number is not None
            or self.units[back - 1].norm in ARTICLES | ORDINARY
            or self.units[back - 1].is_unknown
        ):
            back -= 1
        return back

    def _stands_alone(self, at: int, coverage: float) -> bool:
        before, after = self.norm(at - 1), at + 1
        if before in DEGREES and before not in {"just", "only", "so", "too"}:
            return False
        if after < len(self.units):
            follower = self.units[after]
            beside = follower.mention and follower.mention.best(EntityKind.PRODUCT)
            if beside and beside.is_complete:
                return False
        return coverage >= _HEAD_COVERAGE or self._is_head(at)

    def _is_head(self, at: int) -> bool:
        unit = self.units[at]
        return unit.end - unit.start >= 1 and not (
            at + 1 < len(self.units) and self.units[at + 1].is_unknown
        )

    def _introduces(self, at: int) -> bool:
        """Whether "a large …" or "add 2 large …" makes what has two senses a product."""
        mention = self.mention(at)
        sense = mention.best(EntityKind.PRODUCT) if mention else None
        back = at - 1
        while self.is_modifier(back):
            back -= 1
        described = back < at - 1 and sense is not None and sense.is_complete
        counted = self.norm(back) in ARTICLES | {"another"} or self.number(back) is not None
        inside = self.norm(back - 1) in {"with", "having", "extra", "of", "in"}
        return described and counted and not inside

    def _drop_weak(self) -> None:
        """Forget mentions of words that here are something else."""
        for at, unit in enumerate(self.units):
            if unit.mention is not None and self._means_otherwise(at, unit.mention):
                unit.mention = None
            if unit.mention is None or unit.end - unit.start > 1 or unit.norm not in FRAME:
                continue
            choice = unit.mention.best(EntityKind.CHOICE)
            others = [u for u in self.units if u is not unit and u.norm not in {"please", ","}]
            alone = not others or self.norm(at - 1) in {"for", ","}
            if choice is not None and not alone:
                unit.mention = None

    def _means_otherwise(self, at: int, mention: Mention) -> bool:
        """Whether a mention is part of something else, as in "double the …" or "as my …"."""
        is_choice = mention.best(EntityKind.CHOICE) is not None
        if self.norm(at) in FRAME and not is_choice:
            return not self._is_determined(at)
        return (
            (is_choice and self._is_verbal(at))
            or (self.norm(at) in MULTIPLIERS and self.norm(at + 1) == "the")
            or (self.norm(at) in DEGREES and self.mention(at + 1) is not None)
            or self._is_compared(at, mention)
            or self._is_compound(at, mention)
            or self._is_bare_head(at, mention)
        )

    def _is_compared(self, at: int, mention: Mention) -> bool:
        """Whether it only says what something else stands for: "… as my …"."""
        before = at - 1
        while self.norm(before) in DEFINITE | ARTICLES:
            before -= 1
        compared = self.norm(before) == "as" and self.norm(before - 1) not in {"same", "well"}
        return compared and mention.best(EntityKind.ADD_ON) is not None

    def _is_compound(self, at: int, mention: Mention) -> bool:
        """Whether the unknown word behind makes another thing of it, as "powder" does."""
        if not self.is_unknown(at + 1) or self.product_after(at) is not None:
            return False
        known = mention.best(*MODIFIER_KINDS) or mention.senses[0]
        beside = self.norm(at - 1) in {"with", "and", "add", "extra"}
        return not known.is_complete or (known.entity.kind is EntityKind.PRODUCT and beside)

    def _is_verbal(self, at: int) -> bool:
        """Whether "to go" and the like are said of what follows, as in "to go with the …"."""
        before = self.norm(at - 1) in {"like", "want", "love", "going", "have", "will"}
        return before and self.norm(at + 1) in {"with", "for"}

    def _is_determined(self, at: int) -> bool:
        before = self.norm(at - 1)
        counted = at > 0 and self.units[at - 1].number is not None
        introduced = before in ARTICLES | DEFINITE | {"with", "of", "in"} or counted
        return introduced or self.norm(at + 1) == "of" or len(self.units) == 1

    def _is_bare_head(self, at: int, mention: Mention) -> bool:
        """An unknown word in front of a word many things share makes another, unknown thing."""
        modifiers = [s for s in mention.senses if s.entity.kind in MODIFIER_KINDS]
        return (
            bool(modifiers)
            and len(modifiers) == len(mention.senses)
            and not modifiers[0].is_complete
            and modifiers[0].coverage < _HEAD_COVERAGE + 0.05
            and at > 0
            and self.units[at - 1].is_unknown
        )
