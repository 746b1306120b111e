"""New secrets of endpoints: made, and told to their owner, who may ask with the same key again."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from services.orders.webhooks.sealing import SealBroken, Seals
from services.orders.webhooks.signing import SECRET_BYTES, shown
from services.orders.webhooks.webhook import Secrets


@dataclass(frozen=True, slots=True)
class SecretIssuer:
    """Makes secrets of `random` bytes, sealed for their endpoint."""

    seals: Seals
    random: Callable[[int], bytes]

    def new(self, tenant_id: UUID, webhook_id: UUID) -> bytes:
        """Another secret, as it is kept."""
        return self.seals.seal(self.random(SECRET_BYTES), tenant_id.bytes + webhook_id.bytes)

    def told(self, tenant_id: UUID, webhook_id: UUID, answered: str) -> str:
        """What `answered` says, as its owner is told it; empty if no key at hand opens it now."""
        try:
            sealed = base64.b64decode(answered)
            return shown(self.seals.open(sealed, tenant_id.bytes + webhook_id.bytes))
        except SealBroken:
            return ""


def answered(secrets: Secrets) -> str:
    """A new secret as the answer of a key keeps it, sealed.

    Whoever lost the answer has to get it again: another rotation would end what the receiver has.
    """
    return base64.b64encode(secrets.current).decode()
