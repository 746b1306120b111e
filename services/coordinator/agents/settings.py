"""What a tenant sets of an agent that is shipped."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """Ids of the products it suggests, in order; `update_time` is None while nobody set them."""

    suggested_product_ids: tuple[str, ...] = ()
    update_time: datetime | None = None
