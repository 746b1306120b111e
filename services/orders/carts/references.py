"""Lines spoken of without their name: "the decaf one", "the first", "both"."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.orders.carts.english import DEFINITE, EVERY, ORDINALS
from services.orders.carts.lexicon import EntityKind
from services.orders.carts.linking import Mention
from services.orders.carts.modifiers import MODIFIER_KINDS, is_offered
from services.orders.carts.units import Row
from services.orders.carts.working import Draft
from services.orders.catalog.model import Catalog, OptionKind

_ONES = frozenset({"1", "one"})
_HAVING = frozenset({"with", "that", "has", "have", "is", "in", "having", "and", "the"})
_ON = frozenset({"to", "on", "for", "in", "from", "off", "of", "with"})


@dataclass(frozen=True, slots=True)
class Reference:
    """Drafts and the units, first to last, that name them."""

    drafts: tuple[Draft, ...]
    first: int
    last: int

    @property
    def units(self) -> frozenset[int]:
        """The places of the units."""
        return frozenset(range(self.first, self.last + 1))


def reference(row: Row, drafts: Sequence[Draft], catalog: Catalog) -> Reference | None:
    """Return which lines a clause speaks of, where it says so without naming them."""
    for at in range(len(row.units)):
        found = _described(row, at, drafts, catalog) or _placed(row, at, drafts)
        if found is not None:
            return found
    return None


def every(row: Row, drafts: Sequence[Draft]) -> Reference | None:
    """Return the lines "to both" or "in all of them" means."""
    for at in range(1, len(row.units)):
        if row.norm(at) not in EVERY or row.norm(at - 1) not in _ON:
            continue
        last = at
        while row.norm(last + 1) in {"of", "the", "them", "those", "these", "my", "1"}:
            last += 1
        named = row.mention(last + 1) if row.is_product(last + 1) else None
        if named is not None:
            ids = {s.entity.id for s in named.senses if s.entity.kind is EntityKind.PRODUCT}
            drafts = [draft for draft in drafts if draft.product.id in ids]
            last += 1
        return Reference(tuple(drafts), at, last) if drafts else None
    return None


def holds(draft: Draft, mention: Mention) -> bool:
    """Whether what a mention names was chosen on a draft."""
    chosen = {option for _, option in draft.selections} | set(draft.add_ons)
    return any(
        s.entity.id in chosen and is_offered(draft.product, s)
        for s in mention.senses
        if s.entity.kind in MODIFIER_KINDS
    )


def comes_with(draft: Draft, mention: Mention, catalog: Catalog) -> bool:
    """Whether what a mention names comes with a draft unless it is chosen otherwise."""
    for sense in mention.senses:
        group = catalog.groups_by_id.get(sense.entity.parent)
        if sense.entity.kind is not EntityKind.OPTION or group is None:
            continue
        alone = group.kind is OptionKind.ONE
        changed = any(
            key[0] == group.id and (alone or key[1] == sense.entity.id) for key in draft.selections
        )
        default = sense.entity.id in group.default_option_ids
        if default and not changed and is_offered(draft.product, sense):
            return True
    return False


def _described(row: Row, at: int, drafts: Sequence[Draft], catalog: Catalog) -> Reference | None:
    """Of "the decaf one" or "the one with …", the lines that are so."""
    if row.norm(at) not in DEFINITE:
        return None
    last = at + 1
    while row.is_modifier(last):
        last += 1
    if row.norm(last) not in _ONES:
        return None
    said = list(range(at + 1, last))
    if not said and row.norm(last + 1) in _HAVING:
        end = last + 1
        while row.is_modifier(end) or (row.norm(end) in _HAVING and row.norm(end) != "is"):
            end += 1
        said = [k for k in range(last + 1, end) if row.is_modifier(k)]
        last = said[-1] if said else last
    mentions = [mention for k in said if (mention := row.mention(k)) is not None]
    if not mentions:
        return None
    found = [d for d in drafts if all(holds(d, m) for m in mentions)]
    found = found or [d for d in drafts if all(comes_with(d, m, catalog) for m in mentions)]
    plural = row.clause.tokens[row.units[at].start : row.units[last].end]
    many = any(token.norm == "one" for token in plural)
    return Reference(tuple(found if many else found[-1:]), at, last) if found else None


def _placed(row: Row, at: int, drafts: Sequence[Draft]) -> Reference | None:
    """Of "from the first one", the line in that place among those that may be meant."""
    word = row.norm(at)
    if word not in ORDINALS or row.norm(at - 1) not in DEFINITE or row.norm(at - 2) not in _ON:
        return None
    last = at + 1 if row.norm(at + 1) == "1" else at
    if row.is_product(last + 1):
        return None
    named = [m for k in range(at) if (m := row.modifier(k)) is not None]
    among = list(_concerned(drafts, named))
    place = ORDINALS[word]
    if not 0 < abs(place) <= len(among):
        return None
    return Reference((among[place - 1 if place > 0 else -1],), at - 1, last)


def _concerned(drafts: Sequence[Draft], named: Sequence[Mention]) -> Iterable[Draft]:
    senses = [s for m in named for s in m.senses if s.entity.kind in MODIFIER_KINDS]
    fitting = [d for d in drafts if any(is_offered(d.product, s) for s in senses)]
    return fitting or drafts
