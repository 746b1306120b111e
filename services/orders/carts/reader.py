"""Reads clauses left to right and does to the working order what they say.

Words before a product wait for it, words after it are put on it; "one … the other …" splits a
line; "it", "that" and a bare option mean what was spoken of last.
"""

import re
from dataclasses import dataclass, replace

from services.orders.carts.english import (
    ARTICLES,
    DEFINITE,
    EVERY,
    MEASURES,
    MULTIPLIERS,
    NEGATORS,
    ORDINALS,
    REPLACERS,
    SPLIT_PRONOUNS,
    UNITS,
)
from services.orders.carts.lexicon import EntityKind, Lexicon
from services.orders.carts.linking import Mention, Sense
from services.orders.carts.modifiers import MODIFIER_KINDS, Fitting, Modifier, offers
from services.orders.carts.operations import MAX_LINE_QUANTITY
from services.orders.carts.reading import Ambiguity, Focus, Refusal, RefusalKind
from services.orders.carts.tokens import words_of
from services.orders.carts.units import Row
from services.orders.carts.working import Draft, WorkingOrder
from services.orders.catalog.model import OptionKind, Product

_WITH = frozenset({"with", "add", "adding", "added", "include", "including", "having"})
_ONLY = re.compile(
    r"^(?:\w+ ){0,4}(?:only|just)(?: (?:want|need|have|get|like|take))? (?:the|my)\b"
)
_PREPOSITIONS = frozenset({"in", "on", "for", "to", "from", "of", "off"})
_RETRACTING = frozenset({"no", "wait", "actually", "sorry", "rather", "meant", "mean"})
_SAME_THING = frozenset({"but", "with", "again", "thing", "order", "for", "please", ",", "as"})
_LESSENING = frozenset({"light", "less", "lightly", "easy"})
_PART_LINKS = frozenset(
    "with without that be should must can will need gets come made not as is to no would".split()
)


@dataclass(slots=True)
class Context:
    """What has been seen of the clause so far."""

    row: Row
    number: int | None = None
    adds: bool = False
    with_open: bool = False
    scope: tuple[Draft, ...] = ()
    replacing: Draft | None = None
    replaced: frozenset[int] = frozenset()
    count: int | None = None
    placed: bool = False
    retracts: bool = False


class Reader:
    """Reads the clauses of one text. ``current`` is the draft last spoken of."""

    def __init__(self, order: WorkingOrder, lexicon: Lexicon, focus: Focus, text: str) -> None:
        self.order = order
        self.lexicon = lexicon
        self.fitting = Fitting(order, lexicon.catalog)
        self.text = text
        self.ambiguities: list[Ambiguity] = []
        self.refusals: list[Refusal] = []
        self.current: Draft | None = None
        self.touched: list[Draft] = []
        self._focused = order.by_line(focus.line_id) or next(reversed(order.drafts), None)
        self._pending: list[Modifier] = []
        self._parts: list[tuple[int, list[Modifier]]] = []
        self._split_from: Draft | None = None
        self._sample: Draft | None = None
        self._orphaned = False
        self._named: list[Draft] = []
        self._last: tuple[Draft, Modifier] | None = None

    @property
    def antecedent(self) -> Draft | None:
        """The draft a bare word is about."""
        return self.current or self._focused

    @property
    def waiting(self) -> tuple[Modifier, ...]:
        """Modifiers that found nothing to be put on."""
        return tuple(self._pending)

    def read(self, row: Row) -> None:
        """Do what one clause says."""
        context = Context(row, adds=row.clause.adds)
        self._orphaned = False
        self._mark_replaced(context)
        for at in range(len(row.units)):
            self._step(context, at)
            row.units[at].owner = self.current or (self._focused if not self._orphaned else None)
        self._settle(context)
        self._keep_only(context)

    # --- one unit -------------------------------------------------------------------------

    def _step(self, context: Context, at: int) -> None:
        row, unit = context.row, context.row.units[at]
        if at in context.replaced or unit.used:
            unit.used = True
        elif unit.mention is not None and self._step_mention(context, at):
            unit.used = True
        elif unit.number is not None and (row.norm(at + 1) in UNITS or self._is_personal(row, at)):
            unit.used = True
        elif unit.number is not None:
            self._number(context, at, unit.number)
        elif unit.norm in ARTICLES or unit.norm == "another":
            context.adds = context.adds or unit.norm == "another"
            if (
                row.norm(at) != "another"
                or row.units[at + 1 : at + 2] == []
                or (row.units[at + 1].number is None)
            ):
                self._number(context, at, 1, weak=True)
        elif unit.norm in _WITH:
            context.with_open = True
        elif unit.norm in _RETRACTING and self._retracts(row, at):
            context.retracts = True
        elif unit.norm in EVERY:
            self._every(context, at)
        elif unit.norm in SPLIT_PRONOUNS and row.norm(at - 1) != "of":
            context.scope = self._plural()
        elif unit.norm in ORDINALS or unit.norm in {"other", "rest", "remaining"}:
            self._ordinal(context, at)
        elif unit.norm == "same" and (at + 1 == len(row.units) or row.norm(at + 1) in _SAME_THING):
            self._same(context)

    def _step_mention(self, context: Context, at: int) -> bool:
        row, unit = context.row, context.row.units[at]
        assert unit.mention is not None
        choice = unit.mention.best(EntityKind.CHOICE)
        if choice is not None and choice.is_complete:
            if not row.is_negated(at):
                self.order.choices[choice.entity.parent] = choice.entity.id
            return True
        if self._means_product(context, at, unit.mention):
            self._product(context, at, unit.mention)
            return True
        if row.is_modifier(at):
            self._modifier(context, at)
            return True
        return False

    def _means_product(self, context: Context, at: int, mention: Mention) -> bool:
        if context.row.is_product(at):
            return True
        sense = mention.best(EntityKind.PRODUCT)
        if sense is None or not context.row.is_modifier(at):
            return False
        homeless = self.antecedent is None and context.row.product_after(at) is None
        introduced = context.row.norm(at - 1) in ARTICLES or context.number is not None
        return homeless or (
            sense.is_complete
            and introduced
            and not context.with_open
            and context.row.product_after(at) is None
        )

    # --- products -------------------------------------------------------------------------

    def _product(self, context: Context, at: int, mention: Mention) -> None:
        row, unit = context.row, context.row.units[at]
        if self._repeats_current(row, at, mention) or self._completes_option(row, at, mention):
            return
        self._orphaned = False
        product = self._which_product(context, at, mention)
        number, context.number = self._bounded(context), None
        context.with_open = False
        if product is None:
            self._pending, self.current, self._orphaned = [], None, True
            return
        if row.is_negated(at):
            self._take_out(product)
            return
        if self._is_alternative(context, at):
            self._ask_between(row, at, product)
            return
        draft = self._existing_line(context, at, product, number)
        if draft is None and not product.available:
            phrase = self._phrase(row, at, at)
            self.refusals.append(Refusal(RefusalKind.SOLD_OUT, phrase, product.id, product.id))
            self._pending, self.current, self._orphaned = [], None, True
            return
        if draft is None:
            draft = self.order.add(Draft(product, number or 1))
        self._speak_of(draft)
        self._named.append(draft)
        self._split_from = None
        self._sample = draft.copy()
        context.placed = True
        context.scope = ()
        self._place_parts(draft)
        self._place_pending(draft)
        unit.used = True

    def _is_alternative(self, context: Context, at: int) -> bool:
        before = at - 1
        while context.row.norm(before) in ARTICLES or context.row.is_modifier(before):
            before -= 1
        return context.row.norm(before) == "or" and context.placed and self.current is not None

    def _ask_between(self, row: Row, at: int, product: Product) -> None:
        """ "a … or a …" leaves the choice open."""
        first = self.current
        assert first is not None
        if not first.line_id:
            self.order.remove(first)
        phrase = f"{first.product.name} or {product.name}"
        self.ambiguities.append(Ambiguity(phrase, (first.product.id, product.id), phrase))
        self._pending, self.current, self._orphaned = [], None, True

    def _retracts(self, row: Row, at: int) -> bool:
        """Whether a "no" takes back what was just ordered rather than negating what follows."""
        after = row.norm(at + 1)
        return bool(self._named) and (
            after in _RETRACTING or after in {",", "make", "i", "a", "an"}
        )

    def _bounded(self, context: Context) -> int | None:
        number = context.number
        if number is not None and number > MAX_LINE_QUANTITY:
            self.refusals.append(Refusal(RefusalKind.TOO_MANY, str(number)))
            return MAX_LINE_QUANTITY
        return number

    def _repeats_current(self, row: Row, at: int, mention: Mention) -> bool:
        """ "a … tea" after the tea's own name is the same tea, not another one."""
        before = at - 1
        while row.is_modifier(before) or (before >= 0 and row.units[before].is_unknown):
            before -= 1
        best = mention.best(EntityKind.PRODUCT)
        return (
            before >= 0
            and row.is_product(before)
            and self.current is not None
            and self.current is row.units[before].owner
            and best is not None
            and not best.is_complete
        )

    def _completes_option(self, row: Row, at: int, mention: Mention) -> bool:
        """ "two shots of …" where the option group bears the product's name."""
        before = row.mention(at - 2) if row.norm(at - 1) == "of" else None
        option = before.best(EntityKind.OPTION, EntityKind.GROUP) if before else None
        if option is None:
            return False
        group = self.lexicon.catalog.groups_by_id[option.entity.parent or option.entity.id]
        heads = {w for name in (group.name, *group.synonyms) for w in words_of(name)}
        tokens = row.clause.tokens[mention.start : mention.end]
        return all(token.norm in heads for token in tokens)

    def _which_product(self, context: Context, at: int, mention: Mention) -> Product | None:
        rivals = mention.rivals(EntityKind.PRODUCT)
        if len(rivals) > 1:
            rivals = self._narrowed(context, at, rivals)
        products = self.lexicon.catalog.products_by_id
        if len(rivals) == 1:
            return products[rivals[0].entity.id]
        row = context.row
        phrase = self._phrase(row, at, at)
        start = row.text_start(at)
        self.ambiguities.append(
            Ambiguity(
                phrase,
                tuple(s.entity.id for s in rivals),
                self._phrase(row, start, self._last_of(row, at)),
            )
        )
        return None

    def _narrowed(self, context: Context, at: int, rivals: tuple[Sense, ...]) -> tuple[Sense, ...]:
        products = self.lexicon.catalog.products_by_id
        spoken = [d.product.id for d in self.order.drafts]
        if context.row.norm(at - 1) in DEFINITE or context.row.clause.removes:
            known = tuple(s for s in rivals if s.entity.id in spoken)
            if known:
                return known[-1:]
        row = context.row
        for unit in row.units[row.text_start(at) : at]:
            fitting = tuple(s for s in rivals if unit.norm in facets(products[s.entity.id]))
            if unit.is_unknown and fitting:
                unit.used = True
                rivals = fitting
        sold = tuple(s for s in rivals if products[s.entity.id].available)
        return sold or rivals

    def _existing_line(
        self, context: Context, at: int, product: Product, number: int | None
    ) -> Draft | None:
        """Return the draft a product speaks of, or None if it is to be a new line."""
        row = context.row
        same = [d for d in self.order.drafts if d.product.id == product.id]
        if context.replacing is not None and context.replacing.product.id != product.id:
            return self._become(context, context.replacing, product, number)
        if context.retracts and self._named and not context.adds:
            return self._become(context, self._named.pop(), product, number)
        definite = self._is_definite(row, at)
        if same and definite and not (context.adds and number):
            return self._of_the(row, at, same)
        if context.adds:
            return None
        before = [d for d in same if d.line_id and d not in self._named]
        if before:
            return self._again(before, number)
        clause = row.clause
        replaces = clause.turns or (clause.corrects and len(self.order.existing()) == 1)
        if replaces and self.touched == [] and self._focused is not None and not context.placed:
            return self._become(context, self._focused, product, number)
        return None

    def _become(
        self, context: Context, draft: Draft, product: Product, number: int | None
    ) -> Draft:
        self.order.replace_product(draft, product, carry=not self._pending)
        draft.quantity = number or draft.quantity
        context.replacing = None
        return draft

    def _again(self, same: list[Draft], number: int | None) -> Draft:
        """A product of the cart named again is the line, perhaps in another number."""
        chosen = max(same, key=lambda d: (self._agreement(d), d is self._focused))
        if number and number > 1 and sum(d.quantity for d in same) != number:
            chosen.quantity = number
        return chosen

    def _agreement(self, draft: Draft) -> int:
        wanted = {s.entity.id for m in self._pending if not m.negated for s in m.mention.senses}
        return len(wanted & {o for _, o in draft.selections} | wanted & set(draft.add_ons))

    def _is_definite(self, row: Row, at: int) -> bool:
        start = at
        while start > 0 and (row.is_modifier(start - 1) or row.units[start - 1].is_unknown):
            start -= 1
        before = row.norm(start - 1)
        return before in DEFINITE or before in EVERY

    def _of_the(self, row: Row, at: int, same: list[Draft]) -> Draft:
        """ "one of the lattes" is a part of a line, "the latte" the line itself."""
        draft = max(same, key=lambda d: (self._agreement(d), d in self.touched, d is self._focused))
        numbers = [u.number for u in row.units[max(at - 4, 0) : at] if u.number]
        if (
            numbers
            and numbers[-1] < draft.quantity
            and "of" in (row.norm(at - 2), row.norm(at - 1))
        ):
            part = self.order.split(draft, numbers[-1])
            return part
        return draft

    def _take_out(self, product: Product, number: int | None = None) -> None:
        same = [d for d in self.order.drafts if d.product.id == product.id]
        if not same:
            return
        draft = max(same, key=lambda d: (self._agreement(d), d is self._focused))
        if number is None:
            for gone in same if not self._pending else [draft]:
                self.order.remove(gone)
        else:
            self.order.remove(draft, number)
        self._pending = []
        if draft.quantity == 0:
            self._forget(draft)

    def _forget(self, draft: Draft) -> None:
        if self._focused is draft:
            self._focused = next(reversed(self.order.drafts), None)
        if self.current is draft:
            self.current = None

    # --- modifiers ------------------------------------------------------------------------

    def _modifier(self, context: Context, at: int) -> None:
        row = context.row
        if self._wants_less(row, at):
            return
        modifier = self._modifier_at(context, at)
        if self._parts and self.current is None:
            self._parts[-1][1].append(modifier)
            return
        if self._waits(context, at):
            self._pending.append(modifier)
            return
        named = self._target_named_after(row, at)
        if named is not None:
            self.fitting.put(named, modifier)
            self._speak_of(named)
            return
        host = self._host(context, at, modifier)
        if host is not None:
            self._place_host(context, at, host, modifier)
            return
        if self._orphaned:
            return
        targets = context.scope or self._targets(modifier)
        if not targets:
            self._pending.append(modifier)
        for draft in targets:
            if len(targets) == 1 or offers(draft.product, modifier):
                self.fitting.put(draft, modifier)
                self._last = (draft, modifier)
                self._note_touched(draft)

    def _modifier_at(self, context: Context, at: int) -> Modifier:
        row = context.row
        mention = row.mention(at)
        assert mention is not None
        count, context.count = context.count, None
        count = count or MULTIPLIERS.get(row.norm(at - 1))
        negated = row.is_negated(at)
        start = at
        while negated and start > 0 and row.norm(start) not in NEGATORS:
            start -= 1
        end = at + 1 if negated and row.norm(at + 1) == "free" else at
        if negated and end > at:
            start = at
        return Modifier(mention, self._phrase(row, start, end), negated, count)

    def _host(self, context: Context, at: int, modifier: Modifier) -> Product | None:
        """Return the one product an option implies: who asks for a kind means the thing."""
        sense = modifier.mention.best(EntityKind.OPTION)
        if sense is None or not sense.is_complete or modifier.negated or context.with_open:
            return None
        if self.antecedent is not None and offers(self.antecedent.product, modifier):
            if context.number is None and context.row.norm(at - 1) not in ARTICLES:
                return None
        if any(context.row.is_product(k) for k in range(at + 1, len(context.row.units))):
            return None
        groups = {s.entity.parent for s in modifier.mention.senses if s.is_complete}
        hosts = [p for p in self.lexicon.catalog.products if groups & set(p.option_group_ids)]
        return hosts[0] if len(hosts) == 1 and hosts[0].available else None

    def _place_host(self, context: Context, at: int, host: Product, modifier: Modifier) -> None:
        number, context.number = context.number, None
        same = [d for d in self.order.drafts if d.product.id == host.id]
        if same and not context.adds and context.row.clause.corrects:
            draft = same[-1]
        else:
            draft = self.order.add(Draft(host, number or 1))
        self._speak_of(draft)
        self._named.append(draft)
        self._place_pending(draft)
        self.fitting.put(draft, modifier)
        context.placed = True

    def _wants_less(self, row: Row, at: int) -> bool:
        """ "light …", "easy on the …": a wish about something, not a wish for it."""
        words = [row.norm(k) for k in range(max(at - 3, 0), at) if row.norm(k) not in DEFINITE]
        if not words or words[-1] not in _LESSENING and words[-2:] != ["easy", "on"]:
            return False
        mention = row.mention(at)
        sense = mention.best(*MODIFIER_KINDS) if mention else None
        if sense is None or sense.entity.kind is EntityKind.ADD_ON:
            return sense is not None
        group = self.lexicon.catalog.groups_by_id[sense.entity.parent or sense.entity.id]
        return group.kind is not OptionKind.ONE

    def _waits(self, context: Context, at: int) -> bool:
        """Whether the modifier belongs to a product that comes after it."""
        row = context.row
        ahead = row.product_after(at)
        if ahead is None:
            return False
        if not (context.with_open and context.placed):
            return True
        start = at
        while start > 0 and row.is_modifier(start - 1):
            start -= 1
        direct = all(row.is_modifier(k) or row.norm(k) == "of" for k in range(start, ahead))
        return (
            direct
            and row.norm(start - 1) in {"and", ","} | ARTICLES
            or (direct and row.units[start - 1].number is not None)
        )

    def _targets(self, modifier: Modifier) -> tuple[Draft, ...]:
        draft = self.antecedent
        if draft is None or offers(draft.product, modifier):
            return (draft,) if draft else ()
        for other in (*reversed(self.touched), *reversed(self.order.drafts)):
            if offers(other.product, modifier):
                return (other,)
        return (draft,)

    def _target_named_after(self, row: Row, at: int) -> Draft | None:
        if row.norm(at + 1) not in _PREPOSITIONS or row.norm(at + 2) not in DEFINITE | EVERY:
            return None
        mention = row.mention(at + 3) if row.is_product(at + 3) else None
        ids = {s.entity.id for s in mention.rivals(EntityKind.PRODUCT)} if mention else set()
        return next((d for d in self.order.drafts if d.product.id in ids), None)

    # --- numbers, parts and wholes ----------------------------------------------------------

    def _number(self, context: Context, at: int, number: int, weak: bool = False) -> None:
        row = context.row
        if row.product_after(at) is not None:
            if not self._opens_part(context, at, weak):
                context.number = None if weak else number
            return
        if row.is_modifier(at + 1) and self._is_count(context, at, number):
            context.count = None if weak else number
            return
        if self._opens_part(context, at, weak):
            return
        if self._splits(context, at, weak):
            self._split(context, number, anew=row.norm(at) == "another")
        elif not weak and row.is_product(at - 1) and row.norm(at + 1) in {"", ",", "and", "please"}:
            self._count_current(row, at, number)
        elif not weak and row.norm(at + 1) in MEASURES and self._last is not None:
            self._recount(row, at, number)
        elif row.norm(at) == "another" or not weak:
            self._requantify(context, at, number)

    def _is_count(self, context: Context, at: int, number: int) -> bool:
        """Whether a number in front of a modifier counts the modifier, not the products."""
        mention = context.row.mention(at + 1)
        assert mention is not None
        sense = mention.senses[0]
        draft = self.antecedent
        if context.row.norm(at - 1) in _WITH:
            return True
        if draft is not None and 1 < number <= draft.quantity:
            return False
        if number == 1 or sense.entity.kind is EntityKind.GROUP:
            return False
        if sense.entity.kind is EntityKind.ADD_ON:
            return True
        group = self.lexicon.catalog.groups_by_id.get(sense.entity.parent)
        return group is not None and group.kind is OptionKind.QUANTITY

    def _is_personal(self, row: Row, at: int) -> bool:
        """ "two lattes, one for me and one for my friend" says who drinks, not how many."""
        return (
            row.norm(at + 1) == "for"
            and row.product_after(at) is None
            and (
                row.norm(at + 2)
                in {"me", "myself", "my", "him", "her", "them", "us", "a", "the", "each"}
            )
        )

    def _opens_part(self, context: Context, at: int, weak: bool) -> bool:
        """ "one decaf and one regular latte": a part whose product is still to be named."""
        row = context.row
        if self.current is not None or context.placed or row.clause.turns:
            return False
        if not row.is_modifier(at + 1):
            return False
        joint = at + 1
        while row.is_modifier(joint):
            joint += 1
        if row.norm(joint) in {",", "and"} and row.norm(joint + 1) == "and":
            joint += 1
        follows = joint + 1 < len(row.units) and row.norm(joint) in {",", "and"}
        again = follows and (
            row.units[joint + 1].number is not None or row.norm(joint + 1) in ARTICLES
        )
        if (
            not again
            or row.product_after(joint + 1) is None
            and not self._parts_ahead(row, joint + 1)
        ):
            return False
        self._parts.append((row.units[at].number or 1, []))
        return True

    def _parts_ahead(self, row: Row, at: int) -> bool:
        return any(row.is_product(k) for k in range(at, len(row.units)))

    def _splits(self, context: Context, at: int, weak: bool) -> bool:
        row = context.row
        if self.antecedent is None or (weak and row.norm(at) != "another"):
            return False
        if row.norm(at + 1) == "of" and row.norm(at + 2) in SPLIT_PRONOUNS | {"the"}:
            return self._says_how(row, at + 3)
        if row.norm(at + 1) in _PART_LINKS:
            return self._says_how(row, at + 1) or row.norm(at + 1) in {"without", "that", "is"}
        if row.norm(at + 1) in {"regular", "normal", "plain", "standard"}:
            return True
        return row.is_modifier(at + 1) and not context.row.clause.removes

    def _says_how(self, row: Row, start: int) -> bool:
        for at in range(start, len(row.units)):
            if row.is_modifier(at) or row.norm(at) in NEGATORS:
                return True
            if row.units[at].number is not None:
                return False
        return False

    def _split(self, context: Context, number: int, anew: bool = False) -> None:
        base = self._split_from or self.antecedent
        assert base is not None
        context.with_open = False
        context.scope = ()
        carved = self._split_from is not None
        if not anew and (base.quantity > number or (carved and base.quantity >= number)):
            part = self.order.split(base, number, after=self.current if carved else None)
        elif not anew and base.quantity == number and number > 1:
            part = base
        elif base.line_id and not carved and not context.adds:
            part = base
        else:
            sample = base if anew or self._sample is None else self._sample
            fresh = sample.copy(number) if sample.product is base.product else Draft(base.product)
            fresh.quantity = number
            part = self.order.add(fresh, after=self.current)
        self._split_from = base
        self._speak_of(part)

    def _requantify(self, context: Context, at: int, number: int) -> None:
        """ "make it two", "one more", "two of those"."""
        row, draft = context.row, self.antecedent
        if draft is None or context.placed or self.touched and draft not in self.touched:
            return
        rest = [
            u for u in row.units if u.is_unknown or (u.mention and u.start > row.units[at].start)
        ]
        fresh = not draft.line_id and not row.clause.turns and len(row.units) > 2
        if rest or row.clause.removes or fresh:
            return
        if context.adds or " more" in row.clause.words:
            draft.quantity += number
        else:
            draft.quantity = number
        row.units[at].used = True
        self._speak_of(draft)

    def _count_current(self, row: Row, at: int, number: int) -> None:
        """ "latte 2, mocha 1"."""
        if self.current is not None:
            self.current.quantity = number
            row.units[at].used = True

    def _recount(self, row: Row, at: int, number: int) -> None:
        """ "with …, two pumps"."""
        if self._last is not None:
            draft, modifier = self._last
            self.fitting.put(draft, replace(modifier, count=number))
            row.units[at].used = row.units[at + 1].used = True

    def _every(self, context: Context, at: int) -> None:
        if context.row.product_after(at) is None:
            context.scope = self._plural()

    def _plural(self) -> tuple[Draft, ...]:
        return tuple(self.touched) or tuple(self.order.drafts)

    def _ordinal(self, context: Context, at: int) -> None:
        row = context.row
        word = row.norm(at)
        if word in {"other", "rest", "remaining"}:
            self._rest_of_split(context)
            return
        place = ORDINALS[word]
        base = self._split_from or self.current
        if base is None and len(self.order.drafts) >= max(place, 1):
            lines = self.order.drafts
            self.current = lines[place - 1] if place > 0 else lines[-1]
        elif place == 1 and base is not None:
            self._split(context, 1)
        elif base is not None:
            self._rest_of_split(context)

    def _rest_of_split(self, context: Context) -> None:
        base = self._split_from
        context.scope = ()
        context.with_open = False
        if base is not None and base.quantity > 0:
            self.current = base
        elif base is not None:
            self._split(context, 1)
        elif self.current is not None and self.current.quantity > 1:
            self._split(context, 1)

    def _same(self, context: Context) -> None:
        draft = self.antecedent
        if draft is None or context.row.clause.turns:
            return
        self._speak_of(self.order.add(draft.copy()))

    # --- bookkeeping ------------------------------------------------------------------------

    def _mark_replaced(self, context: Context) -> None:
        """Find what is to give way: "instead of X, Y", "swap X for Y", "change X to Y"."""
        row = context.row
        given_up = _given_up(row)
        if given_up is None:
            return
        mention = row.mention(given_up)
        assert mention is not None
        if row.is_product(given_up):
            ids = {s.entity.id for s in mention.rivals(EntityKind.PRODUCT)}
            draft = next((d for d in self.order.drafts if d.product.id in ids), None)
            if draft is not None:
                context.replacing = draft
                self._speak_of(draft)
                self.touched.remove(draft)
        else:
            self._drop(mention)
        context.replaced = frozenset({given_up})

    def _drop(self, mention: Mention) -> None:
        draft = self.antecedent
        for sense in mention.senses:
            if draft is not None and sense.entity.kind is EntityKind.ADD_ON:
                draft.add_ons.pop(sense.entity.id, None)

    def _place_parts(self, draft: Draft) -> None:
        parts, self._parts = self._parts, []
        for number, modifiers in parts:
            part = self.order.add(Draft(draft.product, number))
            for modifier in modifiers:
                self.fitting.put(part, modifier)
            self.order.drafts.remove(part)
            self.order.drafts.insert(self.order.drafts.index(draft), part)
            self._note_touched(part)

    def _place_pending(self, draft: Draft) -> None:
        pending, self._pending = self._pending, []
        for modifier in pending:
            self.fitting.put(draft, modifier)

    def _settle(self, context: Context) -> None:
        """Put what is still waiting where it can go, or keep it for the next clause."""
        draft = self.antecedent
        if self._pending and draft is not None and not self._orphaned:
            self._place_pending(draft)
            self._note_touched(draft)
        if self._parts and draft is not None:
            for number, modifiers in self._parts:
                part = self.order.add(Draft(draft.product, number))
                for modifier in modifiers:
                    self.fitting.put(part, modifier)
            self._parts = []
        self._orphaned = False

    def _keep_only(self, context: Context) -> None:
        """ "just the …": what was spoken of stays, the rest goes."""
        row = context.row
        if not _ONLY.search(row.clause.words) or any(map(row.is_modifier, range(len(row.units)))):
            return
        kept = [d for d in self._named if d.line_id]
        for draft in self.order.existing() if kept and len(kept) == len(self._named) else ():
            if draft not in kept:
                self.order.remove(draft)

    def _speak_of(self, draft: Draft) -> None:
        self.current = draft
        self._note_touched(draft)

    def _note_touched(self, draft: Draft) -> None:
        if draft not in self.touched:
            self.touched.append(draft)

    def _phrase(self, row: Row, first: int, last: int) -> str:
        tokens = row.clause.tokens
        start = tokens[row.units[first].start].start
        end = tokens[row.units[last].end - 1].end
        return self.text[start:end]

    def _last_of(self, row: Row, at: int) -> int:
        last = at
        for ahead in range(at + 1, len(row.units)):
            if row.is_product(ahead) or row.units[ahead].number is not None:
                break
            if row.is_modifier(ahead):
                last = ahead
        return last


def facets(product: Product) -> frozenset[str]:
    """Return the words a product is described by beyond its name."""
    texts = (product.category, product.description, *(value for _, value in product.attributes))
    return frozenset(words_of(" ".join(texts)))


def _given_up(row: Row) -> int | None:
    words = [u.norm for u in row.units]
    mentions = [k for k in range(len(words)) if row.is_product(k) or row.is_modifier(k)]
    for k, word in enumerate(words):
        two = (word, row.norm(k + 1))
        if two in {("instead", "of"), ("rather", "than"), ("place", "of")}:
            return next((m for m in mentions if m > k), None)
        if word == "not" and "but" in words[k:]:
            but = words.index("but", k)
            return next((m for m in mentions if k < m < but), None)
    return _exchanged(row, words, mentions)


def _exchanged(row: Row, words: list[str], mentions: list[int]) -> int | None:
    for k, word in enumerate(words):
        if word not in REPLACERS:
            continue
        after = [m for m in mentions if m > k]
        if len(after) < 2:
            return None
        first, second = after[0], after[1]
        if not {"to", "with", "for", "into"} & set(words[first:second]):
            return None
        return first if row.is_product(first) == row.is_product(second) else None
    return None
