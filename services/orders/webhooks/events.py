"""Events that webhooks send: all that the mesh tells of, and one to try an endpoint with.

Data of the latter, CloudEvents type `maitred.webhook_test.v1`: maitred.events.v1.WebhookTestV1.
"""

import json
from datetime import datetime
from uuid import UUID

from services.chassis.data.ids import to_id
from services.chassis.data.outbox import cloud_event

SOURCE = "/maitred/orders"
TEST = "maitred.webhook_test.v1"
# What endpoints may be sent beside the test.
TYPES = frozenset(
    {
        "maitred.catalog.v1",
        "maitred.feedback.v1",
        "maitred.index.v1",
        "maitred.order.v1",
        "maitred.payment.v1",
        "maitred.recommendation.v1",
        "maitred.session.v1",
        "maitred.tenant.v1",
        "maitred.trust.v1",
    }
)


def test_event(*, tenant_id: UUID, webhook_id: UUID, event_id: UUID, now: datetime) -> bytes:
    """The event an endpoint is tried with, about itself."""
    subject = to_id("whk", webhook_id)
    return cloud_event(
        event_id=event_id,
        source=SOURCE,
        event_type=TEST,
        subject=subject,
        time=now,
        data={"tenant_id": str(tenant_id), "webhook_id": subject},
    )


def read(payload: bytes) -> tuple[str, datetime]:
    """The id of an event, and when it happened.

    Raises:
        ValueError, KeyError, TypeError: it is no CloudEvent in JSON.
    """
    event = json.loads(payload)
    return str(event["id"]), datetime.fromisoformat(event["time"])
