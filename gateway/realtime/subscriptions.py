"""What one WebSocket looks at."""

from __future__ import annotations

from gateway.realtime.connections import Connection
from gateway.realtime.feeds import Feeds, Viewer
from gateway.realtime.messages import Subscribe, SubscriptionForm, Unsubscribe, write
from gateway.realtime.positions import position_of
from services.chassis.rpc.errors import Failure, FieldProblem, denied, exhausted, invalid
from services.chassis.rpc.identity import Principal

MOST = 16


class Subscriptions:
    """The subscriptions of a connection.

    Args:
        connection: written to.
        principal: decides what may be seen: a guest their own events, others the tenant's.
        feeds: of the tenants.
        types: all that there is to subscribe to; None for every type.
    """

    def __init__(
        self,
        connection: Connection,
        principal: Principal,
        feeds: Feeds,
        types: frozenset[str] | None,
    ) -> None:
        self._connection = connection
        self._principal = principal
        self._feeds = feeds
        self._types = types
        self._viewers: dict[str, Viewer] = {}

    def add(self, asked: Subscribe) -> None:
        """Begins a subscription.

        Fails with INVALID_ARGUMENT (INVALID_FIELD) for an id in use, CURSOR_INVALID,
        RESOURCE_EXHAUSTED (SUBSCRIPTION_LIMIT) and PERMISSION_DENIED (SUBSCRIPTION_FORBIDDEN) for
        types not served here or somebody else's events.
        """
        if asked.id in self._viewers:
            raise _bad_id("is subscribed already", asked.id)
        if len(self._viewers) >= MOST:
            raise exhausted(
                "SUBSCRIPTION_LIMIT",
                f"A connection has at most {MOST} subscriptions.",
                limit=str(MOST),
            )
        principal = self._principal
        own = principal.principal_id
        if principal.is_guest_only and asked.principal_id not in {"", own}:
            raise _forbidden("principal_id", asked.principal_id)
        if self._types is not None and not asked.types <= self._types:
            raise _forbidden("types", min(asked.types - self._types))
        types = asked.types or self._types
        after = position_of(principal, asked.cursor) if asked.cursor else None
        only = own if principal.is_guest_only else asked.principal_id or None
        viewer = self._viewers[asked.id] = Viewer(
            tenant_id=principal.tenant_id,
            only=only,
            types=types,
            connection=self._connection,
            form=SubscriptionForm(asked.id, types or frozenset(), only or ""),
            seen=after.seq if after else None,
        )
        self._feeds.enter(viewer)

    def remove(self, asked: Unsubscribe) -> None:
        """Ends a subscription. Fails with INVALID_ARGUMENT (INVALID_FIELD) if there is none."""
        viewer = self._viewers.pop(asked.id, None)
        if viewer is None:
            raise _bad_id("is not subscribed", asked.id)
        cursor = self._feeds.seen(viewer)
        self._feeds.leave(viewer)
        said = write("unsubscribed", asked.id, cursor=str(cursor) if cursor else None)
        self._connection.write(said)

    def leave(self) -> str:
        """Ends all; up to where every one had what is theirs, empty if none did."""
        seen = [self._feeds.seen(viewer) for viewer in self._viewers.values()]
        for viewer in self._viewers.values():
            self._feeds.leave(viewer)
        self._viewers.clear()
        known = [cursor for cursor in seen if cursor is not None]
        return str(min(known)) if known and len(known) == len(seen) else ""


def _bad_id(problem: str, subscription_id: str) -> Failure:
    return invalid(
        "INVALID_FIELD", f"{subscription_id}: {problem}.", [FieldProblem("id", problem)], field="id"
    )


def _forbidden(field: str, value: str) -> Failure:
    return denied(
        "SUBSCRIPTION_FORBIDDEN",
        f"These events are not yours to see, or not here: {value}.",
        field=field,
        value=value,
    )
