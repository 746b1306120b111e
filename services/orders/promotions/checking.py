"""Whether a promotion makes sense: by itself, beside the others, with the catalog."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from services.orders.catalog.model import Catalog
from services.orders.hours import Hours
from services.orders.promotions.promotion import (
    Bundle,
    HappyHour,
    Promotion,
    Scope,
    Stacking,
)

MOST_PROMOTIONS = 500


@dataclass(frozen=True, slots=True)
class PromotionProblem:
    """Where a promotion makes no sense: a path such as `bundle.items[0].scope`, and how."""

    path: str
    description: str


class InvalidPromotion(ValueError):
    """The promotion makes no sense. ``problems`` lists everything found."""

    def __init__(self, problems: Iterable[PromotionProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{p.path}: {p.description}" for p in self.problems))


def check(promotion: Promotion, others: Iterable[Promotion], catalog: Catalog) -> None:
    """Raise InvalidPromotion unless the tenant can have it beside the others."""
    if found := (*_problems(promotion, catalog), *_clashes(promotion, tuple(others))):
        raise InvalidPromotion(found)


def _problems(promotion: Promotion, catalog: Catalog) -> Iterator[PromotionProblem]:
    first, last = promotion.first_day, promotion.last_day
    if first is not None and last is not None and last < first:
        yield PromotionProblem("end_date", "is before start_date")
    yield from _unknown("scope", promotion.scope, catalog)
    if isinstance(promotion.terms, HappyHour) and promotion.schedule:
        yield PromotionProblem("schedule", "a happy hour's terms say when it is")
    for path, hours in _paths(promotion):
        if hours.start == hours.end:
            yield PromotionProblem(f"{path}.end_time", "is start_time")
    if isinstance(promotion.terms, Bundle):
        if not promotion.scope.is_everything:
            yield PromotionProblem("scope", "a bundle's items say what it is for")
        if promotion.stacking is Stacking.STACKS:
            yield PromotionProblem("stacking", "a bundle competes or is exclusive")
        yield from _bundle_problems(promotion.terms, catalog)


def _paths(promotion: Promotion) -> Iterator[tuple[str, Hours]]:
    if isinstance(promotion.terms, HappyHour):
        yield "happy_hour", promotion.terms.hours
    for index, hours in enumerate(promotion.schedule):
        yield f"schedule[{index}]", hours


def _bundle_problems(bundle: Bundle, catalog: Catalog) -> Iterator[PromotionProblem]:
    if sum(part.quantity for part in bundle.parts) < 2:
        yield PromotionProblem("bundle.items", "two things or more")
    for index, part in enumerate(bundle.parts):
        path = f"bundle.items[{index}].scope"
        if part.scope.is_everything:
            yield PromotionProblem(path, "names nothing")
        yield from _unknown(path, part.scope, catalog)


def _unknown(path: str, scope: Scope, catalog: Catalog) -> Iterator[PromotionProblem]:
    for product_id in sorted(scope.product_ids - catalog.products_by_id.keys()):
        yield PromotionProblem(f"{path}.product_ids", f"no product {product_id}")
    known = {product.category for product in catalog.products}
    for category in sorted(scope.categories - known):
        yield PromotionProblem(f"{path}.categories", f"no category {category}")


def _clashes(promotion: Promotion, others: tuple[Promotion, ...]) -> Iterator[PromotionProblem]:
    if len(others) >= MOST_PROMOTIONS:
        yield PromotionProblem("promotion_id", f"there are {MOST_PROMOTIONS} already")
    for other in others:
        if promotion.code and other.code == promotion.code:
            yield PromotionProblem("code.code", f"is that of {other.id}")
