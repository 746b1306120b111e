"""Reads clauses left to right and does to the working order what they say.

Words before a product wait for it, words after it are put on it; "one … the other …" splits a
line; "it", "that" and a bare option mean what was spoken of last.
"""

import re

from services.orders.carts.attaching import Attaching
from services.orders.carts.counting import WITH, Counting
from services.orders.carts.discourse import Context, Discourse
from services.orders.carts.english import (
    ARTICLES,
    EVERY,
    MULTIPLIERS,
    ORDINALS,
    ORDINARY,
    SPLIT_PRONOUNS,
)
from services.orders.carts.lexicon import EntityKind
from services.orders.carts.linking import Mention
from services.orders.carts.products import Products
from services.orders.carts.references import every, reference
from services.orders.carts.replacing import mark_replaced, take_off
from services.orders.carts.units import Row

_ONLY = re.compile(
    r"^(?:\w+ ){0,4}(?:only|just)(?: (?:want|need|have|get|like|take))? (?:the|my)\b"
)
_BECOMING = re.compile(r"\b(?:make|change|turn|switch|swap|replace|convert)\b")
_RETRACTING = frozenset({"no", "wait", "actually", "sorry", "rather", "meant", "mean"})
_SAME_THING = frozenset({"but", "with", "again", "thing", "order", "for", "please", ",", "as"})
_PLACES = frozenset(ORDINALS) | {"other", "rest", "remaining"}


class Reader:
    """Reads the clauses of one text into a discourse."""

    def __init__(self, discourse: Discourse) -> None:
        self._discourse = discourse
        self._products = Products(discourse)
        self._attaching = Attaching(discourse)
        self._counting = Counting(discourse)

    def read(self, row: Row) -> None:
        """Do what one clause says."""
        discourse = self._discourse
        context = Context(row, adds=row.clause.adds)
        discourse.rejected = discourse.rejected or row.clause.rejects
        discourse.orphaned = False
        mark_replaced(discourse, context)
        self._refer(context)
        for at, unit in enumerate(row.units):
            if at in context.replaced:
                unit.used = True
            elif unit.mention is not None:
                unit.used = self._read_mention(context, at, unit.mention) or unit.used
            elif unit.number is not None:
                self._counting.read(context, at, unit.number)
            else:
                self._read_word(context, at)
            unit.owner = discourse.current or (None if discourse.orphaned else discourse.focused)
        self._settle()
        if context.dropping is not None and discourse.antecedent is not None:
            take_off(discourse, discourse.antecedent, context.dropping)
        self._keep_only(row)

    def _refer(self, context: Context) -> None:
        """Speak of the lines the clause means without naming them."""
        discourse, row = self._discourse, context.row
        found = reference(row, discourse.order.drafts, discourse.lexicon.catalog)
        if found is not None and len(found.drafts) == 1:
            discourse.speak_of(found.drafts[0])
            later = range(found.last + 1, len(row.units))
            if _BECOMING.search(row.clause.words) and any(map(row.is_product, later)):
                context.replacing = found.drafts[0]
        else:
            found = found or every(row, discourse.plural())
            context.scope = found.drafts if found is not None else ()
        if found is not None:
            context.replaced |= found.units

    def _read_mention(self, context: Context, at: int, mention: Mention) -> bool:
        row = context.row
        choice = mention.best(EntityKind.CHOICE)
        if choice is not None and choice.is_complete:
            if not row.is_negated(at):
                self._discourse.order.choices[choice.entity.parent] = choice.entity.id
        elif self._products.means_product(context, at, mention):
            self._products.read(context, at, mention)
        elif row.is_modifier(at):
            self._attaching.read(context, at, mention)
        else:
            return False
        return True

    def _read_word(self, context: Context, at: int) -> None:
        row, word = context.row, context.row.norm(at)
        if word in ARTICLES or word == "another":
            self._counting.read_article(context, at)
        elif word in WITH:
            context.with_open = True
        elif word in ORDINARY and row.norm(at - 1) not in {"of", "than"}:
            self._attaching.read_ordinary(context, at)
        elif word in EVERY:
            self._counting.read_every(context, at)
        elif word in SPLIT_PRONOUNS and row.norm(at - 1) != "of":
            context.scope = self._discourse.plural()
        elif word in _PLACES:
            self._counting.read_ordinal(context, at)
        elif word == "same" and (row.is_last(at) or row.norm(at + 1) in _SAME_THING):
            self._counting.read_same(context)
        elif word in MULTIPLIERS:
            self._counting.multiply(context, at)
        elif word in _RETRACTING:
            context.retracts = context.retracts or self._retracts(row, at)

    def _retracts(self, row: Row, at: int) -> bool:
        """Whether a "no" takes back what was just ordered rather than negating what follows."""
        after = row.norm(at + 1)
        return bool(self._discourse.named) and after in _RETRACTING | {",", "make", "i", "a", "an"}

    def _settle(self) -> None:
        """Put what is still waiting where it can go, or keep it for the next clause."""
        discourse = self._discourse
        draft = discourse.antecedent
        if draft is not None and not discourse.orphaned:
            if discourse.pending:
                discourse.touch(draft)
            discourse.place_pending(draft)
            discourse.place_parts(draft)
        discourse.orphaned = False

    def _keep_only(self, row: Row) -> None:
        """Of "just the …" what was spoken of stays, the rest goes."""
        if not _ONLY.search(row.clause.words) or any(map(row.is_modifier, range(len(row.units)))):
            return
        discourse = self._discourse
        kept = [draft for draft in discourse.named if draft.line_id]
        if kept and len(kept) == len(discourse.named):
            for draft in discourse.order.existing():
                if draft not in kept:
                    discourse.order.remove(draft)
