"""Which of the events that were read mean something to a consumer."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from uuid import UUID

from services.chassis.data.streams import Entries, StreamEvent, decode

Concerned = Callable[[Collection[UUID]], Awaitable[Collection[UUID]]]
"""Which of these tenants the effect of an event would do anything for.

It is asked after the events were read, so it may leave out who is no concern at that moment.
"""


class Choice:
    """What a consumer wants: events of some types, of the tenants they concern.

    Args:
        types: of the events.
        concerned: None for all tenants.
    """

    def __init__(self, types: Collection[str], concerned: Concerned | None) -> None:
        self._types = frozenset(name.encode() for name in types)
        self._concerned = concerned

    async def of(self, read: Mapping[int, Entries]) -> Mapping[int, Sequence[StreamEvent]]:
        """The events wanted of what was read; both by partition.

        Raises:
            Exception: of `concerned`.
        """
        events = {
            partition: [
                decode(partition, entry_id, fields)
                for entry_id, fields in entries
                if fields[b"y"] in self._types
            ]
            for partition, entries in read.items()
        }
        tenants = {event.tenant_id for some in events.values() for event in some}
        if self._concerned is None or not tenants:
            return events
        concerned = await self._concerned(tenants)
        return {
            partition: [event for event in some if event.tenant_id in concerned]
            for partition, some in events.items()
        }
