"""Events of the index: CloudEvents type `maitred.index.v1`, data maitred.events.v1.IndexV1."""

from datetime import datetime
from uuid import UUID

from services.chassis.data.ids import IdFactory, to_id
from services.chassis.data.outbox import OutboxEvent, cloud_event

TYPE = "maitred.index.v1"
SOURCE = "/maitred/retrieval"
# It is the index that changed, whoever sent the document.
PRINCIPAL = "svc_retrieval"


class IndexEvents:
    """Renders events, with ids of `ids`."""

    def __init__(self, ids: IdFactory) -> None:
        self._ids = ids

    def changed(
        self, tenant_id: UUID, generation: int, document_id: UUID, now: datetime
    ) -> OutboxEvent:
        """The event that the index is of a generation, because of a document."""
        event_id, subject = self._ids.new(), to_id("doc", document_id)
        data = {
            "tenant_id": str(tenant_id),
            # ProtoJSON: 64-bit integers are strings
            "generation": str(generation),
            "document_id": subject,
        }
        return OutboxEvent(
            event_id=event_id,
            tenant_id=tenant_id,
            type=TYPE,
            aggregate_id=subject,
            principal_id=PRINCIPAL,
            payload=cloud_event(
                event_id=event_id,
                source=SOURCE,
                event_type=TYPE,
                subject=subject,
                time=now,
                data=data,
            ),
        )
