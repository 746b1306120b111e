"""Modifiers named in a clause: which product they are to be put on."""

from services.orders.carts.discourse import Context, Discourse
from services.orders.carts.english import ARTICLES, DEFINITE, EVERY, MULTIPLIERS, NEGATORS
from services.orders.carts.lexicon import EntityKind
from services.orders.carts.linking import Mention
from services.orders.carts.modifiers import MODIFIER_KINDS, Modifier, offers
from services.orders.carts.references import comes_with, holds
from services.orders.carts.tokens import words_of
from services.orders.carts.units import Row
from services.orders.carts.working import Draft
from services.orders.catalog.model import OptionKind, Product

_PREPOSITIONS = frozenset({"in", "on", "for", "to", "from", "of", "off"})
_LESSENING = frozenset({"light", "less", "lightly", "easy"})


class Attaching:
    """Puts modifiers on the product they were said of, before or behind them."""

    def __init__(self, discourse: Discourse) -> None:
        self._discourse = discourse

    def read(self, context: Context, at: int, mention: Mention) -> None:
        """Do what the option, add-on or group at a unit means there."""
        discourse, row = self._discourse, context.row
        if self._wants_less(row, at, mention) or self._is_measure(row, at, mention):
            return
        modifier = self._modifier(context, at, mention)
        if self._waits(context, at):
            discourse.pending.append(modifier)
        elif discourse.parts and discourse.current is None:
            discourse.parts[-1].modifiers.append(modifier)
        elif (named := self._named_after(row, at)) is not None:
            discourse.fitting.put(named, modifier)
            discourse.speak_of(named)
        elif (host := self._host(context, at, modifier)) is not None:
            self._place_host(context, host, modifier)
        elif not discourse.orphaned:
            targets = context.scope or self._targets(modifier)
            for draft in targets:
                self._give_way(context, draft, modifier)
            self._put(targets, modifier)

    def read_ordinary(self, context: Context, at: int) -> None:
        """Of "actually regular": leave the one thing chosen differently at its default."""
        if context.row.product_after(at) is not None:
            return
        draft = self._discourse.antecedent
        only = list(draft.selections) if draft is not None else []
        if draft is not None and len(only) == 1 and context.row.clause.corrects:
            del draft.selections[only[0]]
            self._discourse.touch(draft)

    def _put(self, targets: tuple[Draft, ...], modifier: Modifier) -> None:
        discourse = self._discourse
        if not targets:
            discourse.pending.append(modifier)
        for draft in targets:
            if len(targets) == 1 or offers(draft.product, modifier):
                discourse.fitting.put(draft, modifier)
                discourse.last = (draft, modifier)
                discourse.touch(draft)

    def _give_way(self, context: Context, draft: Draft, modifier: Modifier) -> None:
        """Take off the add-on a correction replaces: the only one, or one of a kindred name."""
        sense = modifier.mention.best(EntityKind.ADD_ON)
        clause = context.row.clause
        if sense is None or modifier.negated or clause.adds or not clause.corrects:
            return
        add_ons = self._discourse.lexicon.catalog.add_ons_by_id
        name = set(words_of(add_ons[sense.entity.id].name))
        others = [id_ for id_ in draft.add_ons if id_ != sense.entity.id]
        kindred = [
            id_
            for id_ in others
            if (other := set(words_of(add_ons[id_].name))) <= name or name <= other
        ]
        alone = others if len(others) == 1 and not (context.with_open or clause.turns) else []
        instead = others if len(others) == 1 and "instead" in clause.words else []
        for id_ in {*kindred, *alone, *instead}:
            del draft.add_ons[id_]

    def _modifier(self, context: Context, at: int, mention: Mention) -> Modifier:
        row = context.row
        count, context.count = context.count, None
        count = count or MULTIPLIERS.get(row.norm(at - 1))
        if self._continues_no(row, at, mention):
            return Modifier(mention, f"no {row.phrase(at, at)}", negated=True)
        if not row.is_negated(at) or self._amends_option(row, at, mention):
            return Modifier(mention, row.phrase(at, at), count=count)
        if row.norm(at + 1) == "free":
            return Modifier(mention, row.phrase(at, at + 1), negated=True)
        start = at
        while start > 0 and row.norm(start) not in NEGATORS:
            start -= 1
        return Modifier(mention, row.phrase(start, at), negated=True)

    def _continues_no(self, row: Row, at: int, mention: Mention) -> bool:
        """Whether "without X and Y" does without Y too, rather than asking for it."""
        before = at - 1
        while row.norm(before) in {",", "and", "the", "any"}:
            before -= 1
        earlier = row.modifier(before) if before < at - 1 else None
        if earlier is None or (row.norm(at - 1) in DEFINITE and row.norm(at - 2) != "and"):
            return False
        denied = row.is_negated(before) or self._continues_no(row, before, earlier)
        draft = self._discourse.antecedent
        if not denied or draft is None or row.norm(at + 1) == "free":
            return False
        had = holds(draft, mention) or comes_with(draft, mention, self._discourse.lexicon.catalog)
        words = {row.norm(k) for k in range(before)}
        return had or ("without" in words and self._are_kindred(earlier, mention))

    def _are_kindred(self, one: Mention, other: Mention) -> bool:
        """Whether both are add-ons, or options of one group that several are had of."""
        groups = self._discourse.lexicon.catalog.groups_by_id
        kinds = {s.entity.kind for m in (one, other) for s in m.senses[:1]}
        shared = {s.entity.parent for s in one.senses} & {s.entity.parent for s in other.senses}
        several = [g for g in shared if g in groups and groups[g].kind is not OptionKind.ONE]
        return kinds == {EntityKind.ADD_ON} or bool(several)

    def _amends_option(self, row: Row, at: int, mention: Mention) -> bool:
        """Whether "medium, no large" takes back what was just chosen from the same group."""
        catalog, draft = self._discourse.lexicon.catalog, self._discourse.antecedent
        earlier = row.modifier(at - 3)
        if draft is None or draft.line_id or earlier is None:
            return False
        if (row.norm(at - 2), row.norm(at - 1)) != (",", "no"):
            return False
        shared = {s.entity.parent for s in mention.senses} & {
            s.entity.parent for s in earlier.senses if s.is_complete
        }
        one = any(
            g in catalog.groups_by_id and catalog.groups_by_id[g].kind is OptionKind.ONE
            for g in shared
            if g
        )
        return one and not comes_with(draft, mention, catalog) and row.is_last(at)

    def _wants_less(self, row: Row, at: int, mention: Mention) -> bool:
        """Whether the wish is about something ("light …", "easy on the …") and not for it."""
        words = [row.norm(k) for k in range(max(at - 3, 0), at) if row.norm(k) not in DEFINITE]
        if words[-1:] == ["half"]:
            return True
        if words[-1:] == [] or (words[-1] not in _LESSENING and words[-2:] != ["easy", "on"]):
            return False
        sense = mention.best(*MODIFIER_KINDS)
        if sense is None or sense.entity.kind is EntityKind.ADD_ON:
            return sense is not None
        groups = self._discourse.lexicon.catalog.groups_by_id
        return groups[sense.entity.parent or sense.entity.id].kind is not OptionKind.ONE

    def _is_measure(self, row: Row, at: int, mention: Mention) -> bool:
        """Whether a group is only what its options are counted in: "two scoops of …"."""
        measures = mention.best(EntityKind.OPTION, EntityKind.ADD_ON) is None
        return measures and row.norm(at + 1) == "of" and row.is_modifier(at + 2)

    def _waits(self, context: Context, at: int) -> bool:
        """Whether the modifier belongs to a product that comes after it."""
        row = context.row
        ahead = row.product_after(at)
        if ahead is None or not (context.with_open and context.placed):
            return ahead is not None
        start = at
        while row.is_modifier(start - 1):
            start -= 1
        direct = all(row.is_modifier(k) or row.norm(k) == "of" for k in range(start, ahead))
        opens = row.norm(start - 1) in {"and", ","} | ARTICLES
        return direct and (opens or row.number(start - 1) is not None)

    def _named_after(self, row: Row, at: int) -> Draft | None:
        """Return the line that "… in the …" or "… for the …" names."""
        if row.norm(at + 1) not in _PREPOSITIONS or row.norm(at + 2) not in DEFINITE | EVERY:
            return None
        mention = row.mention(at + 3) if row.is_product(at + 3) else None
        ids = {s.entity.id for s in mention.rivals(EntityKind.PRODUCT)} if mention else set()
        return next((d for d in self._discourse.order.drafts if d.product.id in ids), None)

    def _host(self, context: Context, at: int, modifier: Modifier) -> Product | None:
        """Return the one product an option implies: who asks for a kind means the thing."""
        row = context.row
        sense = modifier.mention.best(EntityKind.OPTION)
        if sense is None or not sense.is_complete or modifier.negated or context.with_open:
            return None
        antecedent = self._discourse.antecedent
        introduced = context.number is not None or row.norm(at - 1) in ARTICLES
        if antecedent is not None and offers(antecedent.product, modifier) and not introduced:
            return None
        if any(row.is_product(k) for k in range(at + 1, len(row.units))):
            return None
        groups = {s.entity.parent for s in modifier.mention.senses if s.is_complete}
        products = self._discourse.lexicon.catalog.products
        hosts = [p for p in products if groups & set(p.option_group_ids)]
        return hosts[0] if len(hosts) == 1 and hosts[0].available else None

    def _place_host(self, context: Context, host: Product, modifier: Modifier) -> None:
        discourse = self._discourse
        number, context.number = context.number, None
        same = [d for d in discourse.order.drafts if d.product.id == host.id]
        if same and not context.adds and context.row.clause.corrects:
            draft = same[-1]
        else:
            draft = discourse.order.add(Draft(host, number or 1))
        discourse.name(draft)
        discourse.place_pending(draft)
        discourse.fitting.put(draft, modifier)
        context.placed = True

    def _targets(self, modifier: Modifier) -> tuple[Draft, ...]:
        """Return the draft spoken of last, or the nearest one that comes in this way."""
        discourse, draft = self._discourse, self._discourse.antecedent
        if draft is None or offers(draft.product, modifier):
            return (draft,) if draft else ()
        for other in (*reversed(discourse.touched), *reversed(discourse.order.drafts)):
            if offers(other.product, modifier):
                return (other,)
        return (draft,)
