"""Events that webhooks send: all that the mesh tells of, and one to try an endpoint with.

Data of the latter, CloudEvents type `maitred.webhook_test.v1`: maitred.events.v1.WebhookTestV1.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from importlib import resources
from uuid import UUID

from services.chassis.data.ids import to_id
from services.chassis.data.outbox import cloud_event

SOURCE = "/maitred/orders"
TEST = "maitred.webhook_test.v1"


def _contracted() -> Iterator[str]:
    """The types of the contracts, each with a schema of its name: `order_v1.json` and so on."""
    for file in resources.files("maitred.events.v1").iterdir():
        if file.name.endswith(".json"):
            name, _, version = file.name.removesuffix(".json").rpartition("_")
            yield f"maitred.{name}.{version}"


KNOWN = frozenset(_contracted())
# What endpoints may be sent beside the test.
TYPES = KNOWN - {TEST}


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
