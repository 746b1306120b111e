"""Reads clauses that take something away: "drop the …", "remove one", "no … after all"."""

import re

from services.orders.carts.english import DEFINITE, ORDINALS
from services.orders.carts.lexicon import EntityKind
from services.orders.carts.linking import Mention
from services.orders.carts.modifiers import MODIFIER_KINDS, Fitting, Modifier, offers
from services.orders.carts.references import Reference, every, reference
from services.orders.carts.units import Row
from services.orders.carts.working import Draft, WorkingOrder
from services.orders.catalog.model import Catalog

_WHOLE = re.compile(
    r"\b(?:everything|all(?: of (?:it|that|them))?|(?:whole|entire|my|the|this|that) order)\b"
)
_PRONOUN = re.compile(r"\b(?:it|that|this|that 1|this 1|the last 1|them|those)\b")


class Removals:
    """Takes things out of a working order."""

    def __init__(self, order: WorkingOrder, fitting: Fitting, catalog: Catalog) -> None:
        self._order = order
        self._fitting = fitting
        self._catalog = catalog

    def read(self, row: Row, antecedent: Draft | None) -> Draft | None:
        """Do what the clause says; return the draft it was about, if that is still there."""
        products = [k for k in range(len(row.units)) if row.is_product(k)]
        modifiers = [k for k in range(len(row.units)) if row.is_modifier(k)]
        for at in (*products, *modifiers):
            row.units[at].used = True
        if (exception := _exception(row)) is not None:
            return self._take_others(row, exception, antecedent)
        found = reference(row, self._order.drafts, self._catalog)
        found = found or every(row, self._order.drafts)
        if found is not None:
            rest = [k for k in modifiers if k not in found.units]
            return self._take_referred(row, found, rest)
        target = self._take_modifiers(row, products, modifiers, antecedent) if modifiers else None
        if target is not None:
            return target
        if products:
            for at in products:
                self._take_product(row, at)
            return None
        if modifiers:
            return antecedent
        return self._take_referent(row, antecedent)

    def _take_others(self, row: Row, exception: int, antecedent: Draft | None) -> Draft | None:
        """Of "everything but the …" leave only what is excepted."""
        kept: list[Draft] = []
        for at in range(exception + 1, len(row.units)):
            if (mention := row.mention(at)) and mention.best(EntityKind.PRODUCT):
                ahead = range(row.text_start(at), at)
                wanted = [m for k in ahead if (m := row.modifier(k)) is not None]
                kept.extend(d for d in [self._line_of(row.mention(at), wanted)] if d)
        if not kept:
            found = reference(row, self._order.drafts, self._catalog)
            kept.extend(found.drafts if found else ())
        for draft in tuple(self._order.drafts):
            if kept and draft not in kept:
                self._order.remove(draft)
        return kept[-1] if kept else antecedent

    def _take_referred(self, row: Row, found: Reference, modifiers: list[int]) -> Draft | None:
        """Take lines out that are spoken of without their name, or modifiers off them."""
        for draft in found.drafts:
            if not modifiers:
                self._order.remove(draft)
            for at in modifiers:
                mention = row.modifier(at)
                modifier = Modifier(mention, f"no {row.phrase(at, at)}", True) if mention else None
                if modifier is not None and offers(draft.product, modifier):
                    self._fitting.put(draft, modifier)
        return found.drafts[-1] if modifiers else None

    def _take_modifiers(
        self, row: Row, products: list[int], modifiers: list[int], antecedent: Draft | None
    ) -> Draft | None:
        """Take modifiers off the line they are on, unless they only describe a product."""
        if products and all(row.product_after(at) is not None for at in modifiers):
            return None
        target = antecedent
        for at in products:
            target = self._line_of(row.mention(at), []) or target
        for at in modifiers:
            mention = row.modifier(at)
            if mention is None:
                continue
            modifier = Modifier(mention, f"no {row.phrase(at, at)}", negated=True)
            holder = self._holder(mention, target, bool(products)) or target
            if holder is not None and offers(holder.product, modifier):
                self._fitting.put(holder, modifier)
                target = holder
        return target

    def _holder(self, mention: Mention, target: Draft | None, named: bool) -> Draft | None:
        """Return the line that has what is to be taken off, the one spoken of first."""
        ids = {s.entity.id for s in mention.senses if s.entity.kind in MODIFIER_KINDS}
        drafts = [d for d in (target, *reversed(self._order.drafts)) if d is not None]
        for draft in drafts[:1] if named else drafts:
            if ids & ({o for _, o in draft.selections} | set(draft.add_ons)):
                return draft
        return None

    def _take_product(self, row: Row, at: int) -> None:
        wanted = [row.mention(k) for k in range(row.text_start(at), at) if row.is_modifier(k)]
        draft = self._line_of(row.mention(at), [m for m in wanted if m])
        if draft is None:
            return
        number = next(
            (u.number for u in reversed(row.units[max(at - 4, 0) : at]) if u.number), None
        )
        plural = row.clause.tokens[row.units[at].end - 1].text.endswith("s")
        single = number is None and not plural and row.norm(at - 1) in {"a", "an"}
        self._order.remove(draft, 1 if single else number)
        mention = row.mention(at)
        while number is None and plural and (draft := self._line_of(mention, [])) is not None:
            self._order.remove(draft)

    def _line_of(self, mention: Mention | None, modifiers: list[Mention]) -> Draft | None:
        if mention is None:
            return None
        ids = {s.entity.id for s in mention.rivals(EntityKind.PRODUCT)}
        wanted = {s.entity.id for m in modifiers for s in m.senses[:1]}
        same = [d for d in self._order.drafts if d.product.id in ids]
        return max(
            same,
            key=lambda d: len(wanted & ({o for _, o in d.selections} | set(d.add_ons))),
            default=None,
        )

    def _take_referent(self, row: Row, antecedent: Draft | None) -> Draft | None:
        words = row.clause.words
        ordinal = next((w for w in words.split() if w in ORDINALS), None)
        numbers = [u.number for u in row.units if u.number]
        both = "both" in words.split() and len(self._order.drafts) <= 2
        if both or _WHOLE.search(words) or words in {"cancel", "cancel please", "please cancel"}:
            for draft in tuple(self._order.drafts):
                self._order.remove(draft)
        elif ordinal and set(words.split()) & DEFINITE and self._order.drafts:
            place = ORDINALS[ordinal]
            if place <= len(self._order.drafts):
                self._order.remove(self._order.drafts[place - 1 if place > 0 else -1])
        elif antecedent is not None and numbers and not _THAT_ONE.search(words):
            self._order.remove(antecedent, numbers[0])
        elif antecedent is not None and _PRONOUN.search(words) and not self._unknown(row):
            self._order.remove(antecedent)
        return antecedent if antecedent in self._order.drafts else None

    def _unknown(self, row: Row) -> bool:
        return any(u.is_unknown and u.norm not in _VERBS for u in row.units)


def _exception(row: Row) -> int | None:
    """Return where "everything but" ends, if the clause says so."""
    words = [unit.norm for unit in row.units]
    for at, word in enumerate(words):
        if word in _EXCEPT and _ALL & set(words[:at]):
            return at
    return None


_ALL = frozenset({"everything", "all", "anything", "rest"})
_EXCEPT = frozenset({"but", "except", "besides", "apart", "excluding"})
_THAT_ONE = re.compile(r"\b(?:that|this|the \w+) 1\b")
_VERBS = frozenset(
    "delete drop scratch scrap lose nix omit eliminate discard ditch removing cancelling".split()
)
