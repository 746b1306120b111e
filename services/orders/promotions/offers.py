"""All that a tenant offers at one version."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from services.orders.promotions.promotion import Promotion


@dataclass(frozen=True, slots=True)
class Offers:
    """Promotions by id, in its order: `documents` are the contract's bytes, as stored.

    Versions of a tenant count from 1; 0 is that of one who never had a promotion.
    """

    version: int
    documents: Mapping[str, bytes]
    promotions: Mapping[str, Promotion]


def offers_of(
    version: int, documents: Sequence[bytes], decode: Callable[[bytes], Promotion]
) -> Offers:
    """The offers that stored documents mean."""
    decoded = [(decode(document), document) for document in documents]
    decoded.sort(key=lambda pair: pair[0].id)
    return Offers(
        version,
        {promotion.id: document for promotion, document in decoded},
        {promotion.id: promotion for promotion, _ in decoded},
    )


@dataclass(frozen=True, slots=True)
class Change:
    """A promotion as it shall be stored, None to delete it, and the answer's bytes."""

    promotion_id: str
    document: bytes | None
    answer: bytes
