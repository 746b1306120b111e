"""What other rooms are given of this one."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from uuid import UUID

from services.orders.catalog.editions import Edition

CurrentCatalog = Callable[[UUID], Awaitable[Edition]]
"""Reads a tenant's catalog as it is served now."""

StockOf = Callable[[UUID, Collection[str]], Awaitable[Mapping[str, int]]]
"""Reads how many are left of those of these products of a tenant that are counted."""
