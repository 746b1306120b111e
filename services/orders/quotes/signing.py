"""What shows that a quote still says what it said when it was made."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

_PURPOSE = b"maitred quotes"


@dataclass(frozen=True, slots=True)
class Terms:
    """All that a quote promises, and whom.

    `total_minor` is what is paid and `tax_minor` what of it is tax, in minor units of `currency`;
    `cart` is the contract's bytes, as priced.
    """

    tenant_id: UUID
    quote_id: UUID
    principal_id: str
    total_minor: int
    tax_minor: int
    currency: str
    expire_time: datetime
    cart: bytes


class QuoteSigner:
    """Signs with the first of its secrets, and knows the signatures of all of them."""

    def __init__(self, secrets: Sequence[str]) -> None:
        """ValueError for an empty secret: anybody could sign with it."""
        if not secrets or not all(secrets):
            raise ValueError("quotes need a secret: set MAITRED_ORDERS_QUOTE_KEY")
        self._keys = [hmac.digest(secret.encode(), _PURPOSE, "sha256") for secret in secrets]

    def sign(self, terms: Terms) -> bytes:
        """The signature of these terms: HMAC-SHA256, 32 bytes."""
        return hmac.digest(self._keys[0], _said(terms), "sha256")

    def holds(self, terms: Terms, signature: bytes) -> bool:
        """Whether the signature is one of ours and of these very terms."""
        said = _said(terms)
        return any(
            hmac.compare_digest(hmac.digest(key, said, "sha256"), signature) for key in self._keys
        )


def _said(terms: Terms) -> bytes:
    """The terms as bytes, each with its length before it, so that none runs into the next."""
    parts = (
        terms.tenant_id.bytes,
        terms.quote_id.bytes,
        terms.principal_id.encode(),
        b"%d" % terms.total_minor,
        b"%d" % terms.tax_minor,
        terms.currency.encode(),
        terms.expire_time.astimezone(UTC).isoformat(timespec="microseconds").encode(),
        terms.cart,
    )
    return b"".join(b"%d:" % len(part) + part for part in parts)
