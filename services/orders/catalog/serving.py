"""What can be ordered at a moment: one rule for carts, quotes, search and lists.

A product can be had if it is not marked as sold out, is not counted or some are left, and one of
its windows and one of its category's is open, where they have any.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo

from services.orders.catalog.model import Catalog, Product
from services.orders.hours import Window, join


@dataclass(frozen=True, slots=True)
class Stock:
    """Which products are counted, and which of these have run out."""

    counted: frozenset[str] = frozenset()
    sold_out: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Served:
    """A catalog at a moment. In `catalog` no product is available that cannot be had.

    `closed` are the products that are not, though nobody marked them as sold out; `waiting` the
    windows, by product id, of those of them that are only not served now.
    """

    catalog: Catalog
    closed: frozenset[str] = frozenset()
    waiting: Mapping[str, tuple[Window, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def without(self, gone: frozenset[str]) -> "Served":
        """The same, with these products sold out."""
        products = tuple(
            replace(product, available=False) if product.id in gone else product
            for product in self.catalog.products
        )
        return replace(
            self, catalog=replace(self.catalog, products=products), closed=self.closed | gone
        )

    def hours(self, product_id: str) -> str:
        """When a product is served that is not served now, such as `11:00 to 14:00`; else empty."""
        return join([str(window) for window in self.waiting.get(product_id, ())])

    def why_not(self, product_id: str) -> str:
        """Why a product cannot be had, to follow its name: `is sold out`."""
        hours = self.hours(product_id)
        return f"is served {hours}" if hours else "is sold out"


def serve(catalog: Catalog, stock: Stock, now: datetime, before: Served | None = None) -> Served:
    """The catalog as it is served.

    Args:
        catalog: as the tenant wrote it.
        stock: what is counted.
        now: an instant, which is to say with its zone.
        before: as the same catalog was served earlier; returned if nothing is different.
    """
    local = now.astimezone(ZoneInfo(catalog.time_zone))
    offered = [product for product in catalog.products if product.available]
    waiting = {
        product.id: windows
        for product in offered
        if product.id not in stock.sold_out and (windows := _waits_for(product, catalog, local))
    }
    closed = frozenset(waiting) | stock.sold_out.intersection(product.id for product in offered)
    if before is not None and (before.closed, before.waiting) == (closed, waiting):
        return before
    if not closed:
        return Served(catalog)
    products = tuple(
        replace(product, available=False) if product.id in closed else product
        for product in catalog.products
    )
    return Served(replace(catalog, products=products), closed, MappingProxyType(waiting))


def _waits_for(product: Product, catalog: Catalog, local: datetime) -> tuple[Window, ...]:
    """The closed windows that keep a product from being served; none if it is."""
    category = catalog.categories_by_name.get(product.category)
    for windows in (category.windows if category else (), product.windows):
        if windows and not any(window.is_open(local) for window in windows):
            return windows
    return ()
