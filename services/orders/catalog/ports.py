"""What other rooms are given of this one."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from services.orders.catalog.editions import Edition

CurrentCatalog = Callable[[UUID], Awaitable[Edition]]
"""Reads a tenant's catalog as it is now."""
