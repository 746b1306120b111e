"""What has been spoken of while a text is read: the antecedents of "it", "one" and bare words."""

from dataclasses import dataclass, field

from services.orders.carts.lexicon import Lexicon
from services.orders.carts.linking import Mention
from services.orders.carts.modifiers import Fitting, Modifier, is_offered
from services.orders.carts.operations import MAX_LINE_QUANTITY
from services.orders.carts.reading import Ambiguity, Focus, Refusal, RefusalKind
from services.orders.carts.units import Row
from services.orders.carts.working import Draft, WorkingOrder


@dataclass(slots=True)
class Context:
    """What has been seen of one clause so far.

    ``number`` waits for a product and ``count`` for a modifier. ``scope`` are the drafts "all"
    or "them" means, ``replacing`` the draft that is to give way and ``replaced`` the units that
    name what gives way; ``dropping`` is to be taken off once its line is known.
    """

    row: Row
    adds: bool = False
    number: int | None = None
    count: int | None = None
    with_open: bool = False
    placed: bool = False
    retracts: bool = False
    scope: tuple[Draft, ...] = ()
    replacing: Draft | None = None
    replaced: frozenset[int] = frozenset()
    dropping: Mention | None = None


@dataclass(slots=True)
class Part:
    """Units whose product is still to be named, as in "one decaf and one regular …"."""

    number: int
    modifiers: list[Modifier] = field(default_factory=list)


class Discourse:
    """State shared by everything that reads one text.

    ``current`` is the draft last spoken of, ``touched`` all drafts spoken of, ``named`` those
    spoken of by the name of their product. ``pending`` modifiers and ``parts`` wait for a
    product, ``tentative`` drafts were only asked about. Once ``rejected``, what follows corrects
    the order. While ``orphaned``, what is said belongs to something that is not in the order.
    """

    def __init__(self, order: WorkingOrder, lexicon: Lexicon, focus: Focus) -> None:
        self.order = order
        self.lexicon = lexicon
        self.fitting = Fitting(order, lexicon.catalog)
        self.ambiguities: list[Ambiguity] = []
        self.refusals: list[Refusal] = []
        self.focused = order.by_line(focus.line_id) or next(reversed(order.drafts), None)
        self.current: Draft | None = None
        self.touched: list[Draft] = []
        self.named: list[Draft] = []
        self.pending: list[Modifier] = []
        self.parts: list[Part] = []
        self.last: tuple[Draft, Modifier] | None = None
        self.split_from: Draft | None = None
        self.sample: Draft | None = None
        self.orphaned = False
        self.rejected = False
        self.tentative: list[Draft] = []

    @property
    def antecedent(self) -> Draft | None:
        """The draft a bare word is about."""
        return self.current or self.focused

    def varies(self, mention: Mention) -> bool:
        """Whether what is spoken of comes in a way, or with an extra, that a mention may name."""
        draft = self.antecedent
        return draft is not None and any(is_offered(draft.product, s) for s in mention.senses)

    def bounded(self, number: int, phrase: str) -> int:
        """Return how many can be had of a line, refusing what is beyond that."""
        if number > MAX_LINE_QUANTITY:
            self.refusals.append(Refusal(RefusalKind.TOO_MANY, phrase))
        return min(number, MAX_LINE_QUANTITY)

    def speak_of(self, draft: Draft) -> None:
        """Make a draft what is spoken of."""
        self.current = draft
        self.touch(draft)

    def touch(self, draft: Draft) -> None:
        """Note that a draft was spoken of."""
        if draft not in self.touched:
            self.touched.append(draft)

    def name(self, draft: Draft) -> None:
        """Make a draft what is spoken of, by the name of its product."""
        self.speak_of(draft)
        self.named.append(draft)
        self.split_from = None
        self.sample = draft.copy()

    def lose(self) -> None:
        """From here on something is spoken of that cannot be ordered."""
        self.pending = []
        self.current = None
        self.orphaned = True

    def forget(self, draft: Draft) -> None:
        """A draft that is gone is no antecedent."""
        if self.focused is draft:
            self.focused = next(reversed(self.order.drafts), None)
        if self.current is draft:
            self.current = None

    def place_pending(self, draft: Draft) -> None:
        """Put what was waiting on a draft."""
        pending, self.pending = self.pending, []
        for modifier in pending:
            self.fitting.put(draft, modifier)

    def place_parts(self, draft: Draft) -> None:
        """Make the waiting parts drafts of the same product, before it."""
        parts, self.parts = self.parts, []
        for part in parts:
            made = self.order.add(Draft(draft.product, part.number), before=draft)
            for modifier in part.modifiers:
                self.fitting.put(made, modifier)
            self.touch(made)

    def plural(self) -> tuple[Draft, ...]:
        """Return what "all of them" means."""
        return tuple(self.touched) or tuple(self.order.drafts)

    def agreement(self, draft: Draft) -> int:
        """Return how many of the waiting modifiers a draft already has."""
        wanted = {s.entity.id for m in self.pending if not m.negated for s in m.mention.senses}
        return len(wanted & ({o for _, o in draft.selections} | set(draft.add_ons)))
