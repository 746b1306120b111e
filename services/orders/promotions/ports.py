"""What other rooms are given of this one."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from services.orders.promotions.customer import Customer
from services.orders.promotions.promotion import Promotion

CurrentPromotions = Callable[[UUID], Awaitable[Sequence[Promotion]]]
"""Reads all promotions a tenant has now."""

CustomerOf = Callable[[UUID, str, Sequence[Promotion]], Awaitable[Customer]]
"""What a principal of a tenant has ordered, as far as these promotions ask."""
