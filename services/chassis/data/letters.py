"""Dead letters: events a consumer could not take in, kept until they are tried again or given up.

All consumers keep them in `events.dead_letters`, each in the transaction that moves its position.
Letters of an aggregate stand in line: the first is tried, the others wait for it, and events of
the aggregate that come meanwhile line up behind. The effect and the end of a letter are one
transaction of the tenant's under the partition's lease, like any other effect.
"""

import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.chassis.data.ids import IdFactory
from services.chassis.data.postgres import Connection, Database
from services.chassis.data.streams import Cursor, StreamEvent

FIRST_DELAY = timedelta(seconds=60)
LONGEST_DELAY = timedelta(hours=1)
# Delays are this much longer or shorter, so that what failed together is not tried together.
JITTER = 0.2
_MOST_ERROR_CHARACTERS = 1000
_MOST_DUE = 100

_STUCK = """
SELECT DISTINCT aggregate_id FROM events.dead_letters
WHERE tenant_id = $1 AND consumer = $2 AND aggregate_id = ANY ($3::text[]) AND status = 'waiting'
"""
_SET_ASIDE = """
INSERT INTO events.dead_letters
    (tenant_id, dead_letter_id, consumer, partition, seq, event_id, type, aggregate_id,
     principal_id, payload, error, attempts, create_time, attempt_time, next_attempt_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
"""
_DUE = "SELECT tenant_id, partition, aggregate_id FROM events.due_letters_v1($1, $2, $3, $4)"
_FIRST = """
SELECT number, partition, seq, type, principal_id, payload, attempts, next_attempt_at
FROM events.dead_letters
WHERE tenant_id = $1 AND consumer = $2 AND aggregate_id = $3 AND status = 'waiting'
ORDER BY number
LIMIT 1
FOR UPDATE
"""
_RESOLVE = """
UPDATE events.dead_letters
SET status = 'resolved', attempts = attempts + 1, attempt_time = $3, settle_time = $3,
    settled_by = consumer
WHERE tenant_id = $1 AND number = $2
"""
_FAIL = """
UPDATE events.dead_letters
SET attempts = attempts + 1, attempt_time = $3, next_attempt_at = $4, error = $5
WHERE tenant_id = $1 AND number = $2
"""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that is to be set aside.

    Attributes:
        event: as the stream has it.
        event_id: its CloudEvents id.
        aggregate_id: its CloudEvents subject.
        error: why, for people.
        attempts: how often its effect was tried; 0 if it only follows one that failed.
    """

    event: StreamEvent
    event_id: str
    aggregate_id: str
    error: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Line:
    """The letters of an aggregate that wait, in order; whoever holds the partition tries them."""

    tenant_id: UUID
    partition: int
    aggregate_id: str


@dataclass(frozen=True, slots=True)
class FirstLetter:
    """The first letter of a line, locked by the transaction that read it."""

    number: int
    event: StreamEvent
    attempts: int
    next_attempt_at: datetime


def identify(event: StreamEvent) -> tuple[str, str]:
    """The id and the aggregate of an event; its position where it does not say."""
    try:
        envelope = json.loads(event.payload)
        return _storable(str(envelope["id"])), _storable(str(envelope["subject"]))
    except (ValueError, KeyError, TypeError):
        return str(event.cursor), str(event.cursor)


def retry_delay(attempts: int, chance: float) -> timedelta:
    """How long a letter waits for its next attempt: 60 s, doubled up to an hour, ± 20 %.

    Args:
        attempts: how often it was tried, 1 or more.
        chance: where in the jitter, from 0 to 1.
    """
    delay = min(FIRST_DELAY * (1 << min(attempts - 1, 16)), LONGEST_DELAY)
    return delay * (1 + JITTER * (2 * chance - 1))


class Letters:
    """The dead letters of one consumer.

    Args:
        database: by the consumer's own role.
        consumer: its name.
        clock: for when letters were set aside and tried.
        chance: numbers from 0 to 1, for jitter.
    """

    def __init__(
        self,
        database: Database,
        consumer: str,
        clock: Callable[[], datetime],
        chance: Callable[[], float],
    ) -> None:
        self._database = database
        self._consumer = consumer
        self._clock = clock
        self._chance = chance
        self._ids = IdFactory(clock)

    async def stuck(
        self, connection: Connection, tenant_id: UUID, aggregate_ids: Collection[str]
    ) -> set[str]:
        """Those of a tenant's aggregates of which a letter waits."""
        rows = await connection.fetch(_STUCK, tenant_id, self._consumer, [*aggregate_ids])
        return {row["aggregate_id"] for row in rows}

    async def set_aside(self, connection: Connection, letter: DeadLetter) -> None:
        """Keeps an event that was not taken in; one that only follows is due at its turn."""
        now = self._clock()
        event, attempts = letter.event, letter.attempts
        await connection.execute(
            _SET_ASIDE,
            event.tenant_id,
            self._ids.new(),
            self._consumer,
            event.cursor.partition,
            event.cursor.seq,
            letter.event_id,
            event.type,
            letter.aggregate_id,
            event.principal_id,
            event.payload,
            _short(letter.error),
            attempts,
            now,
            now if attempts else None,
            now + retry_delay(attempts, self._chance()) if attempts else now,
        )

    async def due(self, partitions: Iterable[int]) -> list[Line]:
        """Lines of these partitions whose first letter is due, the longest due first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                _DUE, self._consumer, [*partitions], self._clock(), _MOST_DUE
            )
        return [Line(row["tenant_id"], row["partition"], row["aggregate_id"]) for row in rows]

    async def first(self, connection: Connection, line: Line) -> FirstLetter | None:
        """The first letter of a line if it is due."""
        row = await connection.fetchrow(_FIRST, line.tenant_id, self._consumer, line.aggregate_id)
        if row is None or row["next_attempt_at"] > self._clock():
            return None
        return FirstLetter(
            number=row["number"],
            event=StreamEvent(
                cursor=Cursor(row["partition"], row["seq"]),
                tenant_id=line.tenant_id,
                principal_id=row["principal_id"],
                type=row["type"],
                payload=row["payload"],
            ),
            attempts=row["attempts"],
            next_attempt_at=row["next_attempt_at"],
        )

    async def resolve(self, connection: Connection, letter: FirstLetter) -> None:
        """Ends a letter whose event had its effect in this transaction."""
        await connection.execute(_RESOLVE, letter.event.tenant_id, letter.number, self._clock())

    async def fail(self, connection: Connection, letter: FirstLetter, error: str) -> None:
        """Puts a letter off whose event failed again."""
        now = self._clock()
        next_attempt_at = now + retry_delay(letter.attempts + 1, self._chance())
        await connection.execute(
            _FAIL, letter.event.tenant_id, letter.number, now, next_attempt_at, _short(error)
        )


def letters_moved_out(schema: str) -> str:
    """SQL for a migration: a schema's own letters, of earlier revisions, go where all are."""
    return f"""
DO $$
BEGIN
    IF to_regclass('{schema}.dead_letters') IS NOT NULL THEN
        INSERT INTO events.dead_letters
            (tenant_id, dead_letter_id, consumer, partition, seq, event_id, type, aggregate_id,
             principal_id, payload, error, attempts, create_time, next_attempt_at)
        SELECT tenant_id, gen_random_uuid(), consumer, partition, seq, event_id, type,
            aggregate_id, principal_id, payload, error, attempts, create_time, create_time
        FROM {schema}.dead_letters
        ORDER BY partition, seq;
        DROP TABLE {schema}.dead_letters;
    END IF;
END $$;
"""  # noqa: S608 - the schema is the migration's own constant


def _short(error: str) -> str:
    return _storable(error[:_MOST_ERROR_CHARACTERS])


def _storable(text: str) -> str:
    """A text less what JSON can say and no column holds: NUL, and halves of surrogates."""
    return text.replace("\0", "").encode(errors="replace").decode()
