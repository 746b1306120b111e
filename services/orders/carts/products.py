"""Products named in a clause: new lines, lines meant again, lines that become something else."""

from dataclasses import replace

from services.orders.carts.discourse import Context, Discourse
from services.orders.carts.english import ARTICLES, DEFINITE, EVERY
from services.orders.carts.lexicon import EntityKind
from services.orders.carts.linking import Mention, Sense
from services.orders.carts.reading import MOST_CANDIDATES, Ambiguity, Refusal, RefusalKind
from services.orders.carts.tokens import words_of
from services.orders.carts.units import Row
from services.orders.carts.working import Draft
from services.orders.catalog.model import Product

_DOUBTFUL = 0.6


class Products:
    """Does what naming a product means."""

    def __init__(self, discourse: Discourse) -> None:
        self._discourse = discourse

    def read(self, context: Context, at: int, mention: Mention) -> None:
        """Do what the product at a unit means there."""
        discourse, row = self._discourse, context.row
        if self._repeats_current(row, at, mention) or self._completes_option(row, at, mention):
            return
        discourse.orphaned = False
        product = self._which(row, at, mention)
        number, context.number = context.number, None
        if number is not None:
            number = discourse.bounded(number, row.phrase(at, at))
        context.with_open = False
        if product is None:
            discourse.lose()
        elif row.is_negated(at) and not context.retracts:
            self._take_out(product)
        elif self._is_alternative(context, at):
            self._ask_between(product)
        else:
            self._place(context, at, product, number)

    def means_product(self, context: Context, at: int, mention: Mention) -> bool:
        """Whether words that may name a product or a modifier name a product here."""
        discourse, row = self._discourse, context.row
        if row.is_product(at):
            return True
        sense = mention.best(EntityKind.PRODUCT)
        if sense is None or row.product_after(at) is not None:
            return False
        ordered = {draft.product.id for draft in discourse.order.drafts}
        if row.norm(at - 1) in DEFINITE and sense.is_complete and sense.entity.id in ordered:
            return True
        if discourse.antecedent is None or not sense.is_complete:
            return discourse.antecedent is None
        if context.adds and not discourse.varies(mention):
            return True
        introduced = row.norm(at - 1) in ARTICLES or context.number is not None
        return introduced and not context.with_open

    def _place(self, context: Context, at: int, product: Product, number: int | None) -> None:
        discourse = self._discourse
        draft = self._existing(context, at, product, number)
        if draft is None and not product.available:
            phrase = context.row.phrase(at, at)
            refusal = Refusal(RefusalKind.SOLD_OUT, phrase, product.id, product.id)
            discourse.refusals.append(refusal)
            discourse.lose()
            return
        if draft is None:
            draft = discourse.order.add(Draft(product, number or 1))
        discourse.name(draft)
        context.placed = True
        context.scope = ()
        discourse.place_parts(draft)
        discourse.place_pending(draft)

    def _repeats_current(self, row: Row, at: int, mention: Mention) -> bool:
        """After a product's own name the name of its kind is the same thing, not another one."""
        before = at - 1
        while row.is_modifier(before) or row.is_unknown(before):
            before -= 1
        best = mention.best(EntityKind.PRODUCT)
        return (
            row.is_product(before)
            and self._discourse.current is not None
            and self._discourse.current is row.units[before].owner
            and best is not None
            and not best.is_complete
        )

    def _completes_option(self, row: Row, at: int, mention: Mention) -> bool:
        """Of "two shots of …" where the option group bears the product's name, no product."""
        before = row.mention(at - 2) if row.norm(at - 1) == "of" else None
        option = before.best(EntityKind.OPTION, EntityKind.GROUP) if before else None
        if option is None:
            return False
        groups = self._discourse.lexicon.catalog.groups_by_id
        group = groups[option.entity.parent or option.entity.id]
        heads = {word for name in (group.name, *group.synonyms) for word in words_of(name)}
        tokens = row.clause.tokens[mention.start : mention.end]
        return all(token.norm in heads for token in tokens)

    def _is_alternative(self, context: Context, at: int) -> bool:
        before = at - 1
        while context.row.norm(before) in ARTICLES or context.row.is_modifier(before):
            before -= 1
        return context.row.norm(before) == "or" and context.placed

    def _ask_between(self, product: Product) -> None:
        """Of "a … or a …" nothing is ordered until the guest has chosen."""
        discourse, first = self._discourse, self._discourse.current
        if first is None:
            return
        if not first.line_id:
            discourse.order.remove(first)
        phrase = f"{first.product.name} or {product.name}"
        discourse.ambiguities.append(Ambiguity(phrase, (first.product.id, product.id), phrase))
        discourse.lose()

    def _which(self, row: Row, at: int, mention: Mention) -> Product | None:
        rivals = self._all_of_a_kind(row, mention)
        if len(rivals) > 1:
            rivals = self._narrowed(row, at, rivals)
        if rivals[0].coverage < _DOUBTFUL and self._is_another_kind(row, at):
            phrase = row.phrase(row.text_start(at), at)
            self._discourse.refusals.append(Refusal(RefusalKind.NOT_ON_MENU, phrase))
            return None
        if len(rivals) == 1:
            return self._discourse.lexicon.catalog.products_by_id[rivals[0].entity.id]
        ids = tuple(sense.entity.id for sense in rivals)[:MOST_CANDIDATES]
        said = row.phrase(row.text_start(at), row.text_end(at))
        self._discourse.ambiguities.append(Ambiguity(row.phrase(at, at), ids, said))
        return None

    def _all_of_a_kind(self, row: Row, mention: Mention) -> tuple[Sense, ...]:
        """Return what the words name in part, and all that is described by the same words."""
        rivals = mention.rivals(EntityKind.PRODUCT)
        best = rivals[0]
        if best.is_complete or mention.end - mention.start < 2:
            return rivals
        said = {token.norm for token in row.clause.tokens[mention.start : mention.end]}
        known = {sense.entity.id for sense in rivals}
        described = [
            replace(best, entity=replace(best.entity, id=product.id))
            for product in self._discourse.lexicon.catalog.products
            if product.id not in known and said <= _facets(product) | set(words_of(product.name))
        ]
        return (*rivals, *described)

    def _is_another_kind(self, row: Row, at: int) -> bool:
        """Whether an unknown word in front makes it a kind the menu does not have."""
        other = row.is_unknown(at - 1) and not row.units[at - 1].used
        if other:
            row.units[at - 1].used = True
        return other

    def _narrowed(self, row: Row, at: int, rivals: tuple[Sense, ...]) -> tuple[Sense, ...]:
        """Leave what the guest already has, else what fits the words in front."""
        products = self._discourse.lexicon.catalog.products_by_id
        if row.norm(at - 1) in DEFINITE:
            spoken = {draft.product.id for draft in self._discourse.order.drafts}
            known = tuple(s for s in rivals if s.entity.id in spoken)
            if known:
                return known[-1:]
        for unit in row.units[row.text_start(at) : at]:
            fitting = tuple(s for s in rivals if unit.norm in _facets(products[s.entity.id]))
            if fitting and (unit.is_unknown or unit.mention is not None):
                unit.used = True
                rivals = fitting
        available = tuple(s for s in rivals if products[s.entity.id].available)
        return available or rivals

    def _existing(
        self, context: Context, at: int, product: Product, number: int | None
    ) -> Draft | None:
        """Return the draft that is spoken of, or None if it is to be a new line."""
        discourse, row = self._discourse, context.row
        same = [d for d in discourse.order.drafts if d.product.id == product.id]
        giving_way = self._giving_way(context, product)
        if giving_way is not None:
            return self._become(giving_way, product, number)
        if same and self._is_definite(row, at) and not (context.adds and number):
            return self._of_the(row, at, same)
        if context.adds:
            return None
        before = [d for d in same if d.line_id and d not in discourse.named]
        if before:
            return self._again(before, number, row.clause.singles_out)
        alone = (row.clause.corrects or discourse.rejected) and len(discourse.order.existing()) == 1
        untouched = not discourse.touched and not context.placed
        if (row.clause.turns or alone) and untouched and discourse.focused is not None:
            return self._become(discourse.focused, product, number)
        return None

    def _giving_way(self, context: Context, product: Product) -> Draft | None:
        replacing, context.replacing = context.replacing, None
        if replacing is not None and replacing.product.id != product.id:
            return replacing
        named = self._discourse.named
        return named.pop() if context.retracts and named and not context.adds else None

    def _become(self, draft: Draft, product: Product, number: int | None) -> Draft:
        self._discourse.order.replace_product(draft, product, carry=not self._discourse.pending)
        draft.quantity = number or draft.quantity
        return draft

    def _again(self, same: list[Draft], number: int | None, only: bool) -> Draft:
        """A product of the cart named again is its line, perhaps in another number."""
        chosen = self._likeliest(same)
        if number and (number > 1 or only) and sum(draft.quantity for draft in same) != number:
            chosen.quantity = number
        return chosen

    def _likeliest(self, same: list[Draft]) -> Draft:
        discourse = self._discourse
        return max(
            same,
            key=lambda d: (discourse.agreement(d), d in discourse.touched, d is discourse.focused),
        )

    def _is_definite(self, row: Row, at: int) -> bool:
        start = at
        while row.is_modifier(start - 1) or row.is_unknown(start - 1):
            start -= 1
        return row.norm(start - 1) in DEFINITE | EVERY

    def _of_the(self, row: Row, at: int, same: list[Draft]) -> Draft:
        """Of the line itself ("the …"), or of a part of it ("one of the …s")."""
        draft = self._likeliest(same)
        numbers = [u.number for u in row.units[max(at - 4, 0) : at] if u.number]
        partly = "of" in (row.norm(at - 2), row.norm(at - 1))
        if numbers and numbers[-1] < draft.quantity and partly:
            return self._discourse.order.split(draft, numbers[-1])
        return draft

    def _take_out(self, product: Product) -> None:
        discourse = self._discourse
        same = [d for d in discourse.order.drafts if d.product.id == product.id]
        for draft in [self._likeliest(same)] if same and discourse.pending else same:
            discourse.order.remove(draft)
            discourse.forget(draft)
        discourse.pending = []


def _facets(product: Product) -> frozenset[str]:
    """Return the words a product is described by beyond its name."""
    texts = (product.category, product.description, *(value for _, value in product.attributes))
    return frozenset(words_of(" ".join(texts)))
