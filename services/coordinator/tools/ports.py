"""What the tools need of orders, retrieval and agents, in the coordinator's own terms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol
from uuid import UUID

from services.coordinator.sessions.cart import Cart, Focus
from services.coordinator.sessions.serving import Passage
from services.coordinator.sessions.turn import PlacedOrder


@dataclass(frozen=True, slots=True)
class Reading:
    """What orders made of a guest's words.

    Attributes:
        cart: the cart after them.
        focus: to be passed with the next words.
        report: operations, unparsed spans, ambiguities, refusals and confidence, as JSON.
        left: how many are left, 1 or more, by id of a product of which the cart has more.
    """

    cart: Cart
    focus: Focus
    report: Mapping[str, Any]
    left: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Quote:
    """A price that holds until the quote expires. `order_id` is empty until it is ordered."""

    quote_id: str
    cart: Cart
    order_id: str = ""


@dataclass(frozen=True, slots=True)
class CodeRefusal:
    """A code that brings nothing, and why in one sentence."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Promoted:
    """A cart with the codes that count, and those that do not."""

    cart: Cart
    refusals: tuple[CodeRefusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an order comes from: ids as orders' contract has them, empty for none."""

    session_id: str
    decision_id: str = ""
    recommendation_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Menu:
    """The catalog, or what was found of it, as its contract's JSON; `text` is the same, written.

    It may be shared: nobody changes it.
    """

    document: Mapping[str, Any]
    text: str


class SoldOut(RuntimeError):
    """Things in the cart cannot be had, or not that many.

    Attributes:
        gone: ids of products, options or extras that cannot be had.
        left: how many are left, 1 or more, by id of a product of which the cart has more.
    """

    def __init__(self, gone: frozenset[str], left: Mapping[str, int] | None = None) -> None:
        super().__init__(", ".join(sorted({*gone, *(left or ())})))
        self.gone = gone
        self.left = left or {}


class CartRejected(RuntimeError):
    """The cart no longer fits the catalog."""


class QuoteExpired(RuntimeError):
    """The quote held no longer."""


class PromotionUsedUp(RuntimeError):
    """The guest has had a promotion of the quote as often as anyone may."""


class KnowledgeUnavailable(RuntimeError):
    """The documents cannot be looked into right now."""


class Knowledge(Protocol):
    """The house's documents, on behalf of whoever is being served."""

    async def search(self, query: str, limit: int) -> Sequence[Passage]:
        """At most `limit` passages, the best first. Raises KnowledgeUnavailable."""
        ...


class AgentSettings(Protocol):
    """What a tenant set of its agents."""

    async def suggested(self, tenant_id: UUID, agent_id: str) -> Sequence[str]:
        """Ids of products the agent is to suggest, in order."""
        ...


class Orders(Protocol):
    """Orders, on behalf of whoever is being served.

    Any method may raise what the transport raises when orders does not answer; that ends the turn,
    and the same message sent again goes on from there.
    """

    async def read(self, text: str, cart: Cart, focus: Focus) -> Reading:
        """What the words change. Raises CartRejected."""
        ...

    async def menu(self, query: str) -> Menu:
        """The catalog; a query leaves only the products it finds."""
        ...

    async def quote(self, cart: Cart, request_id: str) -> Quote:
        """A quote for the cart; the same one for the same key. Raises SoldOut, CartRejected."""
        ...

    async def apply(self, cart: Cart, codes: Sequence[str]) -> Promoted:
        """The cart with these codes of promotions. Raises CartRejected."""
        ...

    async def place(self, quote_id: str, request_id: str, origin: Origin) -> PlacedOrder:
        """The order of a quote; the same one however often.

        Raises QuoteExpired, SoldOut, PromotionUsedUp.
        """
        ...

    async def find_order(self, quote_id: str) -> PlacedOrder | None:
        """The order made of a quote, None while there is none."""
        ...
