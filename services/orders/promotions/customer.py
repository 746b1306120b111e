"""What a promotion asks of a customer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from services.orders.promotions.promotion import Promotion


@dataclass(frozen=True, slots=True)
class Customer:
    """What somebody has ordered and not cancelled: how often, and with which promotions.

    `uses` counts orders by promotion id.
    """

    orders: int = 0
    uses: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    def is_too_late(self, promotion: Promotion) -> bool:
        """Whether it is for a first order, and they have had theirs."""
        return promotion.is_first_order_only and self.orders > 0

    def has_used_up(self, promotion: Promotion) -> bool:
        """Whether they have had it as often as anyone may."""
        limit = promotion.uses_per_customer
        return 0 < limit <= self.uses.get(promotion.id, 0)

    def may_have(self, promotion: Promotion) -> bool:
        """Whether it is for them."""
        return not self.is_too_late(promotion) and not self.has_used_up(promotion)
