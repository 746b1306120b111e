"""Signatures as Standard Webhooks says: `v1,` and HMAC-SHA256 over id, time and body."""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime

from standardwebhooks import Webhook

# Standard Webhooks asks for 24 to 64.
SECRET_BYTES = 32
_PREFIX = "whsec_"


def shown(secret: bytes) -> str:
    """A secret as its owner is told it: `whsec_` and base64."""
    return _PREFIX + base64.b64encode(secret).decode()


def signed(
    event_id: str, body: bytes, secrets: Sequence[bytes], now: datetime
) -> Mapping[str, str]:
    """The headers of a message: its id, when it is sent, and a signature by each secret.

    Args:
        event_id: the same whenever the message is sent.
        body: JSON, in UTF-8.
        secrets: of the endpoint, at most two.
        now: when it is sent, in UTC.
    """
    text = body.decode()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(
            Webhook(secret).sign(event_id, now, text) for secret in secrets
        ),
    }
