"""What is to give way in a clause: "instead of X, Y", "swap X for Y", "not X but Y"."""

from services.orders.carts.discourse import Context, Discourse
from services.orders.carts.english import REPLACERS
from services.orders.carts.lexicon import EntityKind
from services.orders.carts.linking import Mention
from services.orders.carts.modifiers import is_offered
from services.orders.carts.references import holds
from services.orders.carts.units import Row
from services.orders.carts.working import Draft
from services.orders.catalog.model import OptionKind

_IN_PLACE_OF = frozenset({("instead", "of"), ("rather", "than"), ("place", "of")})
_BY = frozenset({"to", "with", "for", "into"})


def mark_replaced(discourse: Discourse, context: Context) -> None:
    """Note in the context what gives way, and take it off where that is all there is to do."""
    row = context.row
    at = _given_up(row)
    mention = row.mention(at) if at is not None else None
    if at is None or mention is None:
        return
    if row.is_product(at):
        ids = {sense.entity.id for sense in mention.rivals(EntityKind.PRODUCT)}
        context.replacing = next((d for d in discourse.order.drafts if d.product.id in ids), None)
        discourse.current = context.replacing or discourse.current
    else:
        _drop(discourse, context, mention)
    context.replaced = frozenset({at})


def _drop(discourse: Discourse, context: Context, mention: Mention) -> None:
    """Take what gives way off the line that has it, or off the one still to be named."""
    drafts = (discourse.antecedent, *reversed(discourse.order.drafts))
    named = any(map(context.row.is_product, range(len(context.row.units))))
    holder = None if named else next((d for d in drafts if d and holds(d, mention)), None)
    if holder is None:
        context.dropping = mention
    else:
        discourse.speak_of(holder)
        take_off(discourse, holder, mention)


def take_off(discourse: Discourse, draft: Draft, mention: Mention) -> None:
    """Take off a draft what was chosen, or comes by default beside other things."""
    catalog = discourse.lexicon.catalog
    for sense in mention.senses:
        draft.add_ons.pop(sense.entity.id, None)
        if sense.entity.kind is EntityKind.OPTION and is_offered(draft.product, sense):
            group = catalog.groups_by_id[sense.entity.parent]
            key = (group.id, sense.entity.id)
            draft.selections.pop(key, None)
            if group.kind is not OptionKind.ONE and sense.entity.id in group.default_option_ids:
                draft.selections[key] = 0


def _given_up(row: Row) -> int | None:
    words = [unit.norm for unit in row.units]
    mentions = [k for k in range(len(words)) if row.is_product(k) or row.is_modifier(k)]
    for k, word in enumerate(words):
        if (word, row.norm(k + 1)) in _IN_PLACE_OF:
            return next((m for m in mentions if m > k), None)
        if word == "not" and "but" in words[k:]:
            but = words.index("but", k)
            return next((m for m in mentions if k < m < but), None)
        if word in REPLACERS:
            return _exchanged(row, words, [m for m in mentions if m > k])
    return None


def _exchanged(row: Row, words: list[str], mentions: list[int]) -> int | None:
    if len(mentions) < 2:
        return None
    first, second = mentions[0], mentions[1]
    alike = row.is_product(first) == row.is_product(second)
    return first if alike and _BY & set(words[first:second]) else None
