"""Numbers, parts and wholes: "two", "one … the other …", "one more", "both"."""

from dataclasses import replace

from services.orders.carts.discourse import Context, Discourse, Part
from services.orders.carts.english import (
    ARTICLES,
    DEFINITE,
    MEASURES,
    MONEY,
    MULTIPLIERS,
    NEGATORS,
    ORDINALS,
    ORDINARY,
    SPLIT_PRONOUNS,
    UNITS,
)
from services.orders.carts.lexicon import EntityKind
from services.orders.carts.tokens import words_of
from services.orders.carts.units import Row
from services.orders.carts.working import Draft
from services.orders.catalog.model import OptionKind, Product

WITH = frozenset({"with", "add", "adding", "added", "include", "including", "having"})
_PART_LINKS = frozenset(
    "with without that be should must can will need gets come made not as is to no would".split()
)
_PERSONS = frozenset({"me", "myself", "my", "him", "her", "them", "us", "a", "the", "each"})
_AMENDING = frozenset("mean meant sorry actually rather no wait".split())
_RESTS = frozenset({"other", "rest", "remaining"})


class Counting:
    """Does what numbers mean: how many of what, and which part of it."""

    def __init__(self, discourse: Discourse) -> None:
        self._discourse = discourse

    def read(self, context: Context, at: int, number: int) -> None:
        """Do what a number at a unit means there."""
        row = context.row
        if row.norm(at + 1) in UNITS | MONEY:
            return
        if self._is_personal(row, at):
            row.units[at].used = True
        elif self._counts_product(context, at):
            context.number = number
        elif row.product_after(at) is not None:
            if not self._opens_part(context, at, number):
                context.number = number
        elif self._counts_measures(row, at) or self._counts_modifier(context, at, number):
            context.count = number
        elif self._opens_part(context, at, number):
            return
        else:
            self._read_bare(context, at, number)

    def _read_bare(self, context: Context, at: int, number: int) -> None:
        """Do what a number means that counts nothing behind it."""
        row = context.row
        if self._amends(row, at):
            self._count_current(row, at, number)
        elif self._splits(row, at):
            self._split(context, number, anew=row.norm(at - 1) == "another")
        elif (variety := self._variety_at(row, at)) is not None:
            self._split(context, number)
            if self._discourse.current is not None:
                self._discourse.order.replace_product(self._discourse.current, variety, carry=True)
        elif self._notes_part(row, at):
            self._split(context, number)
        elif self._turns_part(row, at):
            self._split(context, number)
            context.replacing = self._discourse.current
        elif row.is_product(at - 1) and row.norm(at + 1) in {"", ",", "and", "please"}:
            self._count_current(row, at, number)
        elif row.norm(at + 1) in MEASURES and self._discourse.last is not None:
            self._recount(row, at, number)
        else:
            self._requantify(context, at, number)

    def read_article(self, context: Context, at: int) -> None:
        """Do what "a" or "another" means: a new thing, or one more of the last."""
        row = context.row
        context.adds = context.adds or row.norm(at) == "another"
        if row.number(at + 1) is not None or self._opens_part(context, at, 1):
            return
        if row.product_after(at) is not None:
            context.number = None
        elif row.norm(at) == "another" and self._splits(row, at):
            self._split(context, 1, anew=True)
        elif row.norm(at) == "another" and row.modifier(at + 1) is None:
            self._requantify(context, at, 1)

    def read_every(self, context: Context, at: int) -> None:
        """Do what "both" or "all" means: what follows is for all."""
        if context.row.product_after(at) is None:
            context.scope = self._discourse.plural()

    def read_ordinal(self, context: Context, at: int) -> None:
        """Do what "the first one" or "the other" means."""
        discourse, word = self._discourse, context.row.norm(at)
        base = discourse.split_from or discourse.current
        if word in _RESTS:
            self._take_rest(context)
            return
        place = ORDINALS[word]
        if base is None and len(discourse.order.drafts) >= max(place, 1):
            lines = discourse.order.drafts
            discourse.current = lines[place - 1] if place > 0 else lines[-1]
        elif base is not None and place == 1:
            self._split(context, 1)
        elif base is not None:
            self._take_rest(context)

    def multiply(self, context: Context, at: int) -> None:
        """Do what "double the …" means of a line of the order: so many times as many."""
        row, last = context.row, at + 1
        while row.norm(last) in DEFINITE:
            last += 1
        named = row.mention(last) if last > at + 1 and row.is_product(last) else None
        ids = {s.entity.id for s in named.rivals(EntityKind.PRODUCT)} if named else set()
        draft = next((d for d in self._discourse.order.drafts if d.product.id in ids), None)
        if draft is not None:
            many = draft.quantity * MULTIPLIERS[row.norm(at)]
            draft.quantity = self._discourse.bounded(many, row.phrase(at, at))
            row.units[at].used = True
            context.replaced |= {last}
            self._discourse.speak_of(draft)

    def read_same(self, context: Context) -> None:
        """Do what "the same" means: once more what was spoken of."""
        draft = self._discourse.antecedent
        if draft is not None and not context.row.clause.turns:
            self._discourse.speak_of(self._discourse.order.add(draft.copy()))

    def _amends(self, row: Row, at: int) -> bool:
        """Whether a number takes the place of the one just said: "sorry, I mean three"."""
        before = at - 1
        while row.norm(before) in {",", "it", "make", "that"}:
            before -= 1
        ends = row.norm(at + 1) in {"", ",", "please", "then"}
        return ends and row.norm(before) in _AMENDING and self._discourse.current is not None

    def _is_personal(self, row: Row, at: int) -> bool:
        """Whether "one for me and one for my friend" says who, not how many."""
        for_someone = row.norm(at + 1) == "for" and row.norm(at + 2) in _PERSONS
        return for_someone and row.product_after(at) is None

    def _counts_product(self, context: Context, at: int) -> bool:
        """Whether what follows names a product and a modifier alike, and here the product."""
        mention = context.row.modifier(at + 1)
        sense = mention.best(EntityKind.PRODUCT) if mention else None
        alone = context.row.product_after(at + 1) is None
        put_on = not context.adds or (mention is not None and self._discourse.varies(mention))
        alone = alone and not (context.row.norm(at - 1) in WITH and put_on)
        whole = sense is not None and (sense.is_complete or self._discourse.antecedent is None)
        return whole and alone

    def _counts_measures(self, row: Row, at: int) -> bool:
        """Whether it counts scoops, shots or the like of what is named next."""
        group = row.modifier(at + 1)
        measure = row.norm(at + 1) in MEASURES or (
            group is not None and group.best(EntityKind.GROUP) is not None
        )
        named = at + 3 if row.norm(at + 2) == "of" else at + 2
        return measure and row.is_modifier(named)

    def _counts_modifier(self, context: Context, at: int, number: int) -> bool:
        """Whether a number in front of a modifier counts the modifier, not the products."""
        mention = context.row.modifier(at + 1)
        if mention is None:
            return False
        sense, draft = mention.senses[0], self._discourse.antecedent
        if context.row.norm(at - 1) in WITH:
            return True
        if draft is not None and 1 < number <= draft.quantity:
            return False
        if number == 1 or sense.entity.kind is EntityKind.GROUP:
            return False
        group = self._discourse.lexicon.catalog.groups_by_id.get(sense.entity.parent)
        counted = group is not None and group.kind is OptionKind.QUANTITY
        return counted or sense.entity.kind is EntityKind.ADD_ON

    def _opens_part(self, context: Context, at: int, number: int) -> bool:
        """Whether "one decaf and one …" describes a part whose product is still to be named."""
        row, discourse = context.row, self._discourse
        begun = discourse.current is not None or context.placed or row.clause.turns
        joint = at + 1
        while row.is_modifier(joint):
            joint += 1
        if begun or joint == at + 1 or row.norm(joint) not in {",", "and"}:
            return False
        joint += 2 if row.norm(joint + 1) == "and" else 1
        again = row.number(joint) is not None or row.norm(joint) in ARTICLES
        if again and any(row.is_product(k) for k in range(joint, len(row.units))):
            discourse.parts.append(Part(number))
            return True
        return False

    def _splits(self, row: Row, at: int) -> bool:
        """Whether a number says how a part of what was ordered is to be made."""
        after = row.norm(at + 1)
        if self._discourse.antecedent is None or row.clause.removes:
            return False
        if after == "of" and row.norm(at + 2) in SPLIT_PRONOUNS | {"the"}:
            return self._says_how(row, at + 3)
        if after in _PART_LINKS:
            return self._says_how(row, at + 1) or after in {"without", "that", "is"}
        return after in ORDINARY or row.is_modifier(at + 1)

    def _variety_at(self, row: Row, at: int) -> Product | None:
        """Return what "one of them …" makes of a part: a product whose name adds that word."""
        draft = self._discourse.antecedent
        if draft is None or not self._notes_part(row, at):
            return None
        own = set(words_of(draft.product.name))
        for unit in row.units[at + 3 :]:
            for product in self._discourse.lexicon.catalog.products:
                if set(words_of(product.name)) == {*own, unit.norm} and unit.norm not in own:
                    unit.used = True
                    return product if product.available else None
        return None

    def _notes_part(self, row: Row, at: int) -> bool:
        """Whether "one of them" is followed by words the menu does not explain."""
        of_them = row.norm(at + 1) == "of" and row.norm(at + 2) in SPLIT_PRONOUNS
        rest = range(at + 3, len(row.units))
        named = any(row.mention(k) is not None for k in rest)
        unknown = any(row.is_unknown(k) for k in rest)
        draft, number = self._discourse.antecedent, row.number(at)
        fewer = draft is not None and number is not None and number < draft.quantity
        return of_them and unknown and not named and fewer and not row.clause.removes

    def _turns_part(self, row: Row, at: int) -> bool:
        """Whether some of them are to become another product."""
        of_them = row.norm(at + 1) == "of" and row.norm(at + 2) in SPLIT_PRONOUNS
        named = any(row.is_product(k) for k in range(at, len(row.units)))
        return of_them and named and row.clause.turns and self._discourse.antecedent is not None

    def _says_how(self, row: Row, start: int) -> bool:
        for at in range(start, len(row.units)):
            if row.is_modifier(at) or row.norm(at) in NEGATORS:
                return True
            if row.number(at) is not None:
                return False
        return False

    def _split(self, context: Context, number: int, anew: bool = False) -> None:
        discourse = self._discourse
        base = discourse.split_from or discourse.antecedent
        if base is None:
            return
        context.with_open = False
        context.scope = ()
        carved = discourse.split_from is not None
        if not anew and (base.quantity > number or (carved and base.quantity >= number)):
            after = discourse.current if carved else None
            part = discourse.order.split(base, number, after)
        elif base in discourse.tentative:
            part = base
            part.quantity = number
            discourse.tentative.remove(base)
        elif not anew and (
            base.quantity == number > 1 or (base.line_id and not carved and not context.adds)
        ):
            part = base
        else:
            part = discourse.order.add(self._fresh(base, number, anew), after=discourse.current)
        discourse.speak_of(part)
        discourse.split_from = base

    def _fresh(self, base: Draft, number: int, anew: bool) -> Draft:
        """Return further units: as the last ones for "another", else as first ordered."""
        sample = base if anew or self._discourse.sample is None else self._discourse.sample
        return (
            sample.copy(number) if sample.product is base.product else Draft(base.product, number)
        )

    def _take_rest(self, context: Context) -> None:
        discourse = self._discourse
        base = discourse.split_from
        context.scope = ()
        context.with_open = False
        if base is not None and base.quantity > 0:
            discourse.current = base
        elif base is not None or (discourse.current is not None and discourse.current.quantity > 1):
            self._split(context, 1)

    def _requantify(self, context: Context, at: int, number: int) -> None:
        """Of "make it two", "one more", "two of those": change how many there are."""
        row, draft = context.row, self._discourse.antecedent
        if draft is None or context.placed or row.clause.removes:
            return
        touched = self._discourse.touched
        if touched and draft not in touched:
            return
        tentative = draft in self._discourse.tentative
        fresh = not (draft.line_id or tentative) and not row.clause.turns and len(row.units) > 2
        later = [
            u for u in row.units if u.is_unknown or (u.mention and u.start > row.units[at].start)
        ]
        if later or fresh:
            return
        more = context.adds or " more" in row.clause.words
        draft.quantity = self._discourse.bounded(
            draft.quantity + number if more else number, row.phrase(at, at)
        )
        row.units[at].used = True
        self._discourse.speak_of(draft)

    def _count_current(self, row: Row, at: int, number: int) -> None:
        """A number behind a product, as in a list."""
        if self._discourse.current is not None:
            self._discourse.current.quantity = self._discourse.bounded(number, row.phrase(at, at))
            row.units[at].used = True

    def _recount(self, row: Row, at: int, number: int) -> None:
        """Of "with …, two pumps": say how much of the last modifier."""
        if self._discourse.last is not None:
            draft, modifier = self._discourse.last
            self._discourse.fitting.put(draft, replace(modifier, count=number))
            row.units[at].used = row.units[at + 1].used = True
