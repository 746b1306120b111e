"""What promotions see of a priced cart."""

from dataclasses import dataclass

from services.orders.carts.pricing import PricedCart
from services.orders.catalog.model import Catalog


@dataclass(frozen=True, slots=True)
class Item:
    """A line: `unit_price` is of one as made, `base_price` what of it is the product's own."""

    line_id: str
    product_id: str
    name: str
    category: str
    quantity: int
    unit_price: int
    base_price: int

    @property
    def total(self) -> int:
        """Price of all units."""
        return self.quantity * self.unit_price


@dataclass(frozen=True, slots=True)
class Bill:
    """The lines, and what they and the choices about the whole order come to in `currency`."""

    items: tuple[Item, ...]
    total: int
    currency: str


def bill_of(cart: PricedCart, catalog: Catalog) -> Bill:
    """The bill of a cart priced by this catalog."""
    items = []
    for line in cart.lines:
        product = catalog.products_by_id[line.product_id]
        items.append(
            Item(
                line_id=line.line_id,
                product_id=product.id,
                name=product.name,
                category=product.category,
                quantity=line.quantity,
                unit_price=line.unit_price,
                # An option that makes it cheaper leaves less to take off.
                base_price=min(product.price, line.unit_price),
            )
        )
    return Bill(tuple(items), cart.total, cart.currency)
