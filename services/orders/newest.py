"""What is kept in memory of the tenants that were asked for last."""

from collections import OrderedDict
from typing import Generic, TypeVar
from uuid import UUID

_Kept = TypeVar("_Kept")


class Newest(Generic[_Kept]):
    """One value for each of the last tenants asked for."""

    def __init__(self, tenants: int = 256) -> None:
        self._tenants = tenants
        self._kept: OrderedDict[UUID, _Kept] = OrderedDict()

    def of(self, tenant_id: UUID) -> _Kept | None:
        """The tenant's value, None if there is none any more."""
        return self._kept.get(tenant_id)

    def keep(self, tenant_id: UUID, value: _Kept) -> _Kept:
        """Keeps a value, also one known before: others may have crowded it out meanwhile."""
        self._kept[tenant_id] = value
        self._kept.move_to_end(tenant_id)
        if len(self._kept) > self._tenants:
            self._kept.popitem(last=False)
        return value
