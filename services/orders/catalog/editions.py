"""A tenant's catalog at one moment, and what is worth computing once for it."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar
from uuid import UUID

from services.orders.catalog.model import Catalog
from services.orders.catalog.serving import Served, Stock
from services.orders.newest import Newest

_Derived = TypeVar("_Derived")


@dataclass(frozen=True, slots=True)
class Edition:
    """A catalog as it is served: `document` is the contract's bytes, as imported.

    Versions of a tenant count from 1; 0 is the empty catalog of one that imported none.
    """

    tenant_id: UUID
    version: int
    document: bytes
    stock: Stock
    served: Served

    @property
    def catalog(self) -> Catalog:
        """What the document means, with nothing available that cannot be had now."""
        return self.served.catalog

    @property
    def state(self) -> Hashable:
        """Different wherever `catalog` is."""
        return self.version, self.served.closed

    def without(self, gone: frozenset[str]) -> "Edition":
        """The same, with these products sold out."""
        stock = replace(self.stock, sold_out=self.stock.sold_out | gone)
        return replace(self, stock=stock, served=self.served.without(gone))


def by_version(edition: Edition) -> Hashable:
    """For what does not depend on what can be had now."""
    return edition.version


def by_state(edition: Edition) -> Hashable:
    """For what does."""
    return edition.state


@dataclass(frozen=True, slots=True)
class Change:
    """A catalog as it shall be stored, None to leave it, and the answer's bytes."""

    document: bytes | None
    answer: bytes


class PerEdition(Generic[_Derived]):
    """What `derive` makes of an edition, kept for the newest edition of the last tenants asked.

    It is made again when `key` is another.
    """

    def __init__(
        self,
        derive: Callable[[Edition], _Derived],
        key: Callable[[Edition], Hashable] = by_state,
    ) -> None:
        self._derive = derive
        self._key = key
        self._kept = Newest[tuple[Hashable, _Derived]]()

    def of(self, edition: Edition) -> _Derived:
        """The derived value, made at the first call for an edition."""
        known, key = self._kept.of(edition.tenant_id), self._key(edition)
        if known is None or known[0] != key:
            known = (key, self._derive(edition))
        return self._kept.keep(edition.tenant_id, known)[1]
