"""A tenant's catalog at one version, and what is worth computing once for it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from services.orders.catalog.model import Catalog
from services.orders.newest import Newest

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

    def __init__(self, derive: Callable[[Edition], _Derived]) -> None:
        self._derive = derive
        self._kept = Newest[tuple[int, _Derived]]()

    def of(self, edition: Edition) -> _Derived:
        """The derived value, made at the first call for an edition."""
        known = self._kept.of(edition.tenant_id)
        if known is None or known[0] != edition.version:
            known = (edition.version, self._derive(edition))
        return self._kept.keep(edition.tenant_id, known)[1]
