"""A tenant's catalog at one version, and what is worth computing once for it."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from services.orders.catalog.model import Catalog

_Derived = TypeVar("_Derived")


@dataclass(frozen=True, slots=True)
class Edition:
    """A catalog as imported: `document` is the contract's bytes, `catalog` what they mean.

    Versions of a tenant count from 1; 0 is the empty catalog of one that imported none.
    """

    tenant_id: UUID
    version: int
    document: bytes
    catalog: Catalog


class PerEdition(Generic[_Derived]):
    """What `derive` makes of an edition, kept for the newest edition of the last tenants asked."""

    def __init__(self, derive: Callable[[Edition], _Derived], tenants: int = 256) -> None:
        self._derive = derive
        self._tenants = tenants
        self._kept: OrderedDict[UUID, tuple[int, _Derived]] = OrderedDict()

    def of(self, edition: Edition) -> _Derived:
        """The derived value, made at the first call for an edition."""
        version, derived = self._kept.get(edition.tenant_id, (None, None))
        if version != edition.version or derived is None:
            derived = self._derive(edition)
            self._kept[edition.tenant_id] = (edition.version, derived)
        self._kept.move_to_end(edition.tenant_id)
        if len(self._kept) > self._tenants:
            self._kept.popitem(last=False)
        return derived
