"""ParseCart: what a guest said, as changes to a cart of any tenant's catalog."""

from collections.abc import Sequence
from dataclasses import replace

from services.orders.carts.cart import Cart
from services.orders.carts.discourse import Discourse
from services.orders.carts.english import MONEY, ORDINALS, UNITS
from services.orders.carts.guests import name_spans
from services.orders.carts.lexicon import Lexicon
from services.orders.carts.linking import Mention, link
from services.orders.carts.notes import Leftover, covered, leftovers
from services.orders.carts.operations import apply
from services.orders.carts.reader import Reader
from services.orders.carts.reading import (
    Ambiguity,
    Focus,
    ParseResult,
    Refusal,
    RefusalKind,
    TextSpan,
)
from services.orders.carts.removals import Removals
from services.orders.carts.sentences import Clause, clauses
from services.orders.carts.tokens import Token, tokenize, uncountable
from services.orders.carts.units import Row
from services.orders.carts.working import WorkingOrder
from services.orders.catalog.model import Catalog

_ANY = frozenset({"any", "either", "whichever", "whatever"})


def parse(text: str, cart: Cart, focus: Focus, catalog: Catalog) -> ParseResult:
    """Read a text as changes to the cart.

    Linking costs an index over the whole catalog; a service that parses often keeps a
    ``CartParser`` per catalog instead.
    """
    return CartParser(catalog).parse(text, cart, focus)


class CartParser:
    """Reads texts against one catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._lexicon = Lexicon(catalog)

    def parse(self, text: str, cart: Cart, focus: Focus) -> ParseResult:
        """Read a text as changes to the cart; what is asked or unclear changes nothing."""
        if focus.candidate_ids:
            answer = self._answered(text, focus)
            if answer is None and (asked := self._asked_again(text, cart, focus)) is not None:
                return asked
            text = answer or text
        elif focus.pending_text:
            text = f"{text}, {focus.pending_text}"
        return self._read(text, cart, focus)

    def _answered(self, text: str, focus: Focus) -> str | None:
        """Put the guest's choice in place of the words that were ambiguous."""
        chosen = self._choice_among(text, focus.candidate_ids)
        if chosen is None:
            return None
        name = self._name(chosen)
        pending = focus.pending_text or focus.phrase
        if focus.phrase and focus.phrase in pending:
            return pending.replace(focus.phrase, name, 1)
        return name

    def _asked_again(self, text: str, cart: Cart, focus: Focus) -> ParseResult | None:
        """Keep what was said of the thing still to be chosen: "a large one", "with milk"."""
        alone = self._read(text, Cart(), Focus())
        if alone.operations or alone.refusals or alone.ambiguities:
            return None
        if not alone.unparsed:
            return replace(alone, focus=focus) if alone.confidence == 0 else None
        said = ", ".join(span.text for span in alone.unparsed)
        pending = f"{focus.pending_text or focus.phrase}, {said}"
        asked = Ambiguity(focus.phrase, focus.candidate_ids, pending)
        return replace(
            alone, unparsed=(), ambiguities=(asked,), focus=replace(focus, pending_text=pending)
        )

    def _choice_among(self, text: str, candidates: Sequence[str]) -> str | None:
        tokens = tokenize(text)
        if tokens and tokens[0].norm in {"with", "without"}:
            return None
        words = {t.norm for t in tokens}
        spelt = {w for t in tokens for w, _ in self._lexicon.spellings(t.norm)} | words
        shares = {c: self._share_said(c, spelt) for c in candidates}
        best = max(shares.values())
        winners = [c for c in candidates if shares[c] == best]
        if best > 0 and len(winners) == 1:
            return winners[0]
        ordinal = next((ORDINALS[t.norm] for t in tokens if t.norm in ORDINALS), None)
        if ordinal is not None and ordinal <= len(candidates):
            return candidates[ordinal - 1 if ordinal > 0 else -1]
        return candidates[0] if words & _ANY else None

    def _share_said(self, id_: str, words: set[str]) -> float:
        """Return how much of what tells the candidate apart was said; all of a name counts most."""
        phrases = [p for p in self._lexicon.phrases if p.entity.id == id_ and not p.is_category]
        whole = max((len(p.words) for p in phrases if words.issuperset(p.words)), default=0)
        return whole or max(
            (
                sum(p.weights[w] for w in set(p.words) & words if p.weights[w] > 0.4) / p.total
                for p in phrases
            ),
            default=0.0,
        )

    def _name(self, id_: str) -> str:
        catalog = self._lexicon.catalog
        if id_ in catalog.products_by_id:
            return catalog.products_by_id[id_].name
        if id_ in catalog.add_ons_by_id:
            return catalog.add_ons_by_id[id_].name
        return next((o.name for g in catalog.option_groups for o in g.options if o.id == id_), id_)

    def _read(self, text: str, cart: Cart, focus: Focus) -> ParseResult:
        tokens = tokenize(text)
        order = WorkingOrder(cart, self._lexicon.catalog)
        discourse = Discourse(order, self._lexicon, focus)
        reader = Reader(discourse)
        removals = Removals(order, discourse.fitting, self._lexicon.catalog)
        mentions = _outside(link(tokens, self._lexicon), name_spans(tokens, text, self._lexicon))
        names = name_spans(tokens, text, self._lexicon)
        left: list[Leftover] = []
        read: list[Mention] = []
        said = clauses(tokens)
        odd = frozenset(uncountable(tokens, text))
        for number, clause in enumerate(said):
            row = Row(clause, mentions, text)
            if (amount := _impossible_amount(row, odd, text)) is not None:
                left.append(amount)
                continue
            if clause.asks:
                if _is_taken_up(row, said[number + 1 :]):
                    reader.read(row)
                    discourse.tentative.extend(discourse.touched)
                continue
            if clause.describes and discourse.named:
                continue
            read.extend(u.mention for u in row.units if u.mention)
            if clause.removes:
                discourse.current = removals.read(row, discourse.antecedent)
                continue
            reader.read(row)
            left.extend(
                piece
                for piece in leftovers(row, text)
                if not any(tokens[a].start <= piece.start < tokens[b - 1].end for a, b in names)
            )
        return self._result(text, cart, tokens, discourse, left, read)

    def _result(
        self,
        text: str,
        cart: Cart,
        tokens: tuple[Token, ...],
        discourse: Discourse,
        left: list[Leftover],
        read: list[Mention],
    ) -> ParseResult:
        refusals = [*discourse.refusals, *discourse.fitting.refusals]
        unparsed: list[TextSpan] = []
        for piece in left:
            if piece.is_item:
                refusals.append(Refusal(RefusalKind.NOT_ON_MENU, piece.text))
                unparsed.append(TextSpan(piece.start, piece.end, piece.text))
            elif piece.owner is not None:
                piece.owner.notes.append(piece.text)
        for modifier in discourse.pending:
            start = tokens[modifier.mention.start].start
            end = tokens[modifier.mention.end - 1].end
            unparsed.append(TextSpan(start, end, text[start:end]))
        operations = discourse.order.operations()
        named = {d.product.id for d in discourse.touched if d in discourse.order.drafts}
        ambiguities = (
            *(a for a in discourse.ambiguities if not named & set(a.candidate_ids)),
            *discourse.fitting.ambiguities,
        )
        return ParseResult(
            operations=operations,
            unparsed=tuple(unparsed),
            confidence=_confidence(tokens, read, left, unparsed),
            ambiguities=ambiguities,
            refusals=tuple(dict.fromkeys(refusals)),
            focus=_next_focus(
                cart, discourse, operations_cart=apply(cart, operations), asked=ambiguities
            ),
        )


def _is_taken_up(row: Row, later: Sequence[Clause]) -> bool:
    """Whether a thing asked about is ordered in the next breath: "… ? I'll take one"."""
    products = [k for k in range(len(row.units)) if row.is_product(k)]
    follows = bool(later) and not later[0].asks
    return len(products) == 1 and follows and any(clause.wants_that for clause in later)


def _impossible_amount(row: Row, odd: frozenset[int], text: str) -> Leftover | None:
    """Return an amount nothing can be had in, where a product or "it" is wanted in it."""
    for at, unit in enumerate(row.units):
        if unit.start not in odd or row.norm(at + 1) in UNITS | MONEY:
            continue
        product = row.product_after(at + 2 if row.norm(at + 1) == "/" else at)
        bare = row.is_last(at) and (row.clause.turns or len(row.units) <= 2)
        if product is None and not bare:
            continue
        said = row.phrase(at, at if product is None else product)
        start = row.clause.tokens[unit.start].start
        sign = text[max(start - 1, 0) : start]
        said, start = (f"-{said}", start - 1) if sign == "-" else (said, start)
        return Leftover(start, start + len(said), said, None, is_item=True)
    return None


def _outside(mentions: Sequence[Mention], spans: Sequence[tuple[int, int]]) -> tuple[Mention, ...]:
    return tuple(m for m in mentions if not any(a <= m.start < b for a, b in spans))


def _confidence(
    tokens: Sequence[Token],
    read: Sequence[Mention],
    left: Sequence[Leftover],
    unparsed: Sequence[TextSpan],
) -> float:
    """Mean certainty of what was linked, less the share of words nothing explains."""
    if not read:
        return 0.0
    linked = sum(m.end - m.start for m in read)
    certainty = sum(min(m.senses[0].score, 1.0) * (m.end - m.start) for m in read) / linked
    lost = sum(covered(tokens, piece) for piece in left if piece.is_item)
    return round(certainty * linked / (linked + lost + len(unparsed) - (lost > 0)), 3)


def _next_focus(
    cart: Cart, discourse: Discourse, operations_cart: Cart, asked: tuple[Ambiguity, ...]
) -> Focus:
    draft = discourse.antecedent
    line_id = draft.line_id if draft else ""
    if draft is not None and not line_id:
        line_id = next(
            (
                line.line_id
                for line in reversed(operations_cart.lines)
                if line.product_id == draft.product.id and cart.line(line.line_id) is None
            ),
            "",
        )
    if not line_id and operations_cart.lines:
        line_id = operations_cart.lines[-1].line_id
    if not asked:
        homeless = ", ".join(modifier.phrase for modifier in discourse.pending)
        return Focus(line_id, pending_text="" if line_id else homeless)
    first = asked[0]
    return Focus(line_id, first.candidate_ids, first.phrase, first.pending_text)
