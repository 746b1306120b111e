"""What is to give way in a clause: "instead of X, Y", "swap X for Y", "not X but Y"."""

from services.orders.carts.discourse import Context, Discourse
from services.orders.carts.english import REPLACERS
from services.orders.carts.lexicon import EntityKind
from services.orders.carts.linking import Mention
from services.orders.carts.units import Row

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
        _drop(discourse, mention)
    context.replaced = frozenset({at})


def _drop(discourse: Discourse, mention: Mention) -> None:
    draft = discourse.antecedent
    for sense in mention.senses:
        if draft is not None and sense.entity.kind is EntityKind.ADD_ON:
            draft.add_ons.pop(sense.entity.id, None)


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
