"""Which products of a catalog are asked for."""

from dataclasses import dataclass

from services.orders.catalog.model import Product
from services.orders.catalog.search import words


@dataclass(frozen=True, slots=True)
class ProductFilter:
    """What a product must be to be shown; what is empty asks for nothing.

    Attributes:
        category: the heading it stands under.
        name_prefix: how its name, or a word of it, begins.
        without_allergens: what it may not contain.
        is_available: whether it must be to be had now.
    """

    category: str = ""
    name_prefix: str = ""
    without_allergens: tuple[str, ...] = ()
    is_available: bool = False

    def takes(self, product: Product) -> bool:
        """Whether a product, as it is served now, is what is asked for."""
        return (
            (product.available or not self.is_available)
            and (not self.category or product.category == self.category)
            and (not self.name_prefix or _begins(product.name, self.name_prefix))
            and not self._contained(product)
        )

    def _contained(self, product: Product) -> bool:
        unwanted = {words(allergen) for allergen in self.without_allergens}
        return any(words(allergen) in unwanted for allergen in product.allergens)


def _begins(name: str, prefix: str) -> bool:
    """Whether a name does, or what follows any of its words."""
    asked = " ".join(words(prefix))
    return bool(asked) and f" {asked}" in f" {' '.join(words(name))}"
