"""Options and add-ons asked for, and putting them on a draft by the catalog's rules."""

from collections.abc import Iterator
from dataclasses import dataclass

from services.orders.carts.lexicon import EntityKind
from services.orders.carts.linking import Mention, Sense
from services.orders.carts.reading import MOST_CANDIDATES, Ambiguity, Refusal, RefusalKind
from services.orders.carts.working import Draft, WorkingOrder
from services.orders.catalog.model import Catalog, OptionKind, Product

MODIFIER_KINDS = (EntityKind.OPTION, EntityKind.ADD_ON, EntityKind.GROUP)
_RIVAL = 0.8


@dataclass(frozen=True, slots=True)
class Modifier:
    """A way a product is to be made. ``count`` is None where no number was said."""

    mention: Mention
    phrase: str
    negated: bool = False
    count: int | None = None


def is_offered(product: Product, sense: Sense) -> bool:
    """Whether the product may be varied by what the sense names."""
    match sense.entity.kind:
        case EntityKind.OPTION:
            return sense.entity.parent in product.option_group_ids
        case EntityKind.GROUP:
            return sense.entity.id in product.option_group_ids
        case EntityKind.ADD_ON:
            return sense.entity.id in product.add_on_ids
        case _:
            return False


def offers(product: Product, modifier: Modifier) -> bool:
    """Whether any sense of the modifier fits the product."""
    return any(is_offered(product, sense) for sense in _senses(modifier))


class Fitting:
    """Puts modifiers on drafts, collecting what cannot be done or cannot be decided."""

    def __init__(self, order: WorkingOrder, catalog: Catalog) -> None:
        self._order = order
        self._catalog = catalog
        self.ambiguities: list[Ambiguity] = []
        self.refusals: list[Refusal] = []

    def put(self, draft: Draft, modifier: Modifier) -> None:
        """Put the modifier on the draft, or say why not."""
        offered = [s for s in _senses(modifier) if is_offered(draft.product, s)]
        values = [s for s in offered if s.is_complete and s.entity.kind is not EntityKind.GROUP]
        if values and not modifier.negated:
            offered = values
        if not offered:
            self._refuse(draft, modifier, _senses(modifier)[0])
            return
        best = offered[0]
        rivals = [s for s in offered if s.score >= best.score * _RIVAL]
        if not best.is_complete and len(rivals) > 1 and not modifier.negated:
            ids = tuple(s.entity.id for s in rivals)[:MOST_CANDIDATES]
            self.ambiguities.append(Ambiguity(modifier.phrase, ids, modifier.phrase))
            return
        match best.entity.kind:
            case EntityKind.OPTION:
                self._put_option(draft, modifier, best)
            case EntityKind.ADD_ON:
                self._put_add_on(draft, modifier, best)
            case _ if modifier.negated:
                group = self._catalog.groups_by_id[best.entity.id]
                if not self._order.decline_group(draft, group):
                    draft.notes.append(modifier.phrase)
            case _:
                self._put_group(draft, modifier, best)

    def _put_group(self, draft: Draft, modifier: Modifier, sense: Sense) -> None:
        """A group that nothing is chosen from otherwise is a wish the kitchen must read."""
        group = self._catalog.groups_by_id[sense.entity.id]
        chosen = any(group_id == group.id for group_id, _ in draft.selections)
        if not (chosen or group.default_option_ids):
            draft.notes.append(modifier.phrase)

    def _put_option(self, draft: Draft, modifier: Modifier, sense: Sense) -> None:
        group = self._catalog.groups_by_id[sense.entity.parent]
        option = next(o for o in group.options if o.id == sense.entity.id)
        if modifier.negated:
            declined = self._order.decline(draft, group, option)
            if not declined and group.kind is not OptionKind.ONE:
                draft.notes.append(modifier.phrase)
        elif not option.available:
            self._refuse(draft, modifier, sense, RefusalKind.SOLD_OUT)
        elif not self._order.choose(draft, group, option, modifier.count or 1):
            self._refuse(draft, modifier, sense, RefusalKind.TOO_MANY)

    def _put_add_on(self, draft: Draft, modifier: Modifier, sense: Sense) -> None:
        add_on = self._catalog.add_ons_by_id[sense.entity.id]
        if modifier.negated:
            if draft.add_ons.pop(add_on.id, 0) == 0:
                draft.notes.append(modifier.phrase)
        elif not add_on.available:
            self._refuse(draft, modifier, sense, RefusalKind.SOLD_OUT)
        else:
            count = modifier.count or 1
            if count > add_on.max_quantity == 1:
                draft.notes.append(f"{count} {modifier.phrase}")
            elif count > add_on.max_quantity:
                self._refuse(draft, modifier, sense, RefusalKind.TOO_MANY)
            draft.add_ons[add_on.id] = min(count, add_on.max_quantity)

    def _refuse(
        self,
        draft: Draft,
        modifier: Modifier,
        sense: Sense,
        kind: RefusalKind = RefusalKind.NOT_OFFERED,
    ) -> None:
        if not modifier.negated and sense.entity.kind is not EntityKind.GROUP:
            self.refusals.append(Refusal(kind, modifier.phrase, sense.entity.id, draft.product.id))


def _senses(modifier: Modifier) -> tuple[Sense, ...]:
    return tuple(_modifier_senses(modifier.mention))


def _modifier_senses(mention: Mention) -> Iterator[Sense]:
    return (s for s in mention.senses if s.entity.kind in MODIFIER_KINDS)
