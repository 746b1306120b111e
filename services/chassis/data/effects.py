"""What an event does to its consumer's schema, and which failures of it are the event's own."""

from typing import Protocol

import asyncpg

from services.chassis.data.postgres import Connection
from services.chassis.data.streams import StreamEvent

# SQLSTATE classes that say nothing about the event: connection, transaction rollback, resources,
# locks and state, operator's intervention, system error.
_TRANSIENT = ("08", "40", "53", "55", "57", "58")


class Effect(Protocol):
    """What an event does to the consumer's schema."""

    async def __call__(self, connection: Connection, event: StreamEvent) -> None:
        """Writes by the connection, which is in a transaction of the event's tenant.

        It is called again for an event whose transaction failed, and for one that was set aside.

        Raises:
            Exception: the event cannot be taken in, now or later.
        """
        ...


async def poison(effect: Effect, connection: Connection, event: StreamEvent) -> Exception | None:
    """Has the effect; what it raised, if that says something about the event.

    The transaction has a savepoint `effect`, to which it is rolled back then.

    Raises:
        Exception: of a server's or a network's weakness; the transaction is to be tried again.
    """
    try:
        await effect(connection, event)
    except Exception as error:
        if _is_transient(error, connection):
            raise
        await connection.execute("ROLLBACK TO SAVEPOINT effect")
        return error
    return None


def described(error: Exception) -> str:
    """An error as letters keep it."""
    return f"{type(error).__name__}: {error}"


def _is_transient(error: Exception, connection: Connection) -> bool:
    # Time that ran out is an OSError, too.
    if connection.is_closed() or isinstance(error, OSError | asyncpg.InternalClientError):
        return True
    sqlstate = getattr(error, "sqlstate", None)
    return isinstance(sqlstate, str) and sqlstate.startswith(_TRANSIENT)
