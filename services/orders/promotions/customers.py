"""What customers have ordered, for the promotions that ask."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from services.chassis.data.postgres import Database, Queries
from services.orders.promotions.customer import Customer
from services.orders.promotions.promotion import Promotion

_QUERIES = Queries.load(__package__)

CustomerOf = Callable[[UUID, str, Sequence[Promotion]], Awaitable[Customer]]
"""What a principal of a tenant has ordered, as far as these promotions ask."""


class Customers:
    """Reads what customers have ordered, if any promotion asks for it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(
        self, tenant_id: UUID, principal_id: str, promotions: Sequence[Promotion]
    ) -> Customer:
        """As `CustomerOf`."""
        limited = [promotion.id for promotion in promotions if promotion.is_limited]
        if not limited:
            return Customer()
        async with self._database.tenant(tenant_id) as connection:
            orders = await connection.fetchval(_QUERIES.count_orders, tenant_id, principal_id)
            rows = await connection.fetch(_QUERIES.count_uses, tenant_id, principal_id, limited)
        return Customer(orders, {row["promotion_id"]: row["uses"] for row in rows})
