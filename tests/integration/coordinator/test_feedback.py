"""Ratings: whom they reward, which of them count, and what is told of them."""

import asyncio
import json
import logging
import re
from typing import Any
from uuid import UUID

import httpx
import pytest
from maitred.coordinator.v1 import feedback_service_pb2 as pb

from services.chassis.data.ids import from_id
from services.chassis.data.postgres import Connection
from services.chassis.rpc.identity import Role
from tests.integration.coordinator.serving import CoordinatorClient, Guest
from tests.support.services import failure, with_role

FIRST, SECOND = f"dec_{1:032x}", f"dec_{2:032x}"


async def is_served(sees: Connection, guest: Guest, decision_id: str, agent_id: str) -> None:
    """Has the conversation's turns from now on be served by a decision."""
    session_id = from_id("ses", guest.session_id)
    await guest.says("Hello")
    await sees.execute(
        "UPDATE coordinator.sessions SET decision_id = $2, agent_id = $3 WHERE session_id = $1",
        session_id,
        decision_id,
        agent_id,
    )
    await sees.execute(
        "UPDATE coordinator.turns SET decision_id = $2, agent_id = $3"
        " WHERE session_id = $1 AND ordinal ="
        " (SELECT max(ordinal) FROM coordinator.turns WHERE session_id = $1)",
        session_id,
        decision_id,
        agent_id,
    )


async def told(
    sees: Connection, guest: Guest, kind: str = "maitred.feedback.v1"
) -> list[dict[str, Any]]:
    """The data of the conversation's events, oldest first."""
    rows = await sees.fetch(
        "SELECT payload FROM events.outbox WHERE aggregate_id = $1 AND type = $2 ORDER BY id",
        guest.session_id,
        kind,
    )
    return [json.loads(row["payload"])["data"] for row in rows]


async def test_a_rating_rewards_who_serves_now(guest: Guest, sees: Connection) -> None:
    await is_served(sees, guest, FIRST, "host")
    given = await guest.rates(5)
    assert (given.decision_id, given.rating, given.reward) == (FIRST, 5, 1.0)
    assert given.session_id == guest.session_id
    (event,) = await told(sees, guest)
    assert event == {
        "tenant_id": str(guest.principal.tenant_id),
        "principal_id": guest.principal.principal_id,
        "session_id": guest.session_id,
        "decision_id": FIRST,
        "agent_id": "host",
        "feedback_id": given.feedback_id,
        "rating": 5,
        "reward": 1.0,
    }


async def test_a_rating_before_anyone_served_rewards_no_decision(
    guest: Guest, sees: Connection
) -> None:
    given = await guest.rates(1)
    assert (given.decision_id, given.reward) == ("", -1.0)
    (event,) = await told(sees, guest)
    assert "decision_id" not in event


async def test_a_rating_may_name_who_served_before(guest: Guest, sees: Connection) -> None:
    await is_served(sees, guest, FIRST, "host")
    await is_served(sees, guest, SECOND, "seller")
    await guest.rates(2, decision_id=FIRST)
    await guest.rates(4)
    assert [(one["decision_id"], one["agent_id"]) for one in await told(sees, guest)] == [
        (FIRST, "host"),
        (SECOND, "seller"),
    ]
    stats = await guest.stats()
    assert (stats.count, stats.mean_rating, stats.mean_reward) == (2, 3.0, 0.0)
    assert dict(stats.distribution) == {2: 1, 4: 1}


async def test_a_decision_of_another_conversation_is_not_found(
    guest: Guest, sees: Connection
) -> None:
    await is_served(sees, guest, FIRST, "host")
    refused = await failure(guest.rates(5, decision_id=SECOND))
    assert (refused.code.name, refused.reason) == ("NOT_FOUND", "DECISION_NOT_FOUND")
    assert refused.metadata == {"decision_id": SECOND}
    assert await told(sees, guest) == []


async def test_a_later_rating_counts_instead_and_both_are_told_in_order(
    guest: Guest, sees: Connection
) -> None:
    await is_served(sees, guest, FIRST, "host")
    await guest.rates(1)
    last = await guest.rates(4)
    stats = await guest.stats()
    assert (stats.count, stats.mean_rating, stats.mean_reward) == (1, 4.0, 0.5)
    assert stats.last_at == last.create_time
    assert [one["reward"] for one in await told(sees, guest)] == [-1.0, 0.5]


async def test_of_ratings_at_once_the_one_told_last_counts(guest: Guest, sees: Connection) -> None:
    await is_served(sees, guest, FIRST, "host")
    await asyncio.gather(*(guest.rates(stars) for stars in (1, 2, 3, 4, 5)))
    events = await told(sees, guest)
    stats = await guest.stats()
    assert len(events) == 5
    assert (stats.count, stats.mean_rating) == (1, events[-1]["rating"])


async def test_a_conversation_without_ratings_has_none(guest: Guest) -> None:
    assert await guest.stats() == pb.FeedbackStats()


async def test_new_ratings_are_counted_by_stars(
    guest: Guest, coordinator: CoordinatorClient
) -> None:
    async def counted() -> float:
        async with httpx.AsyncClient() as http:
            text = (await http.get(f"http://127.0.0.1:{coordinator.admin}/metrics")).text
        found = re.search(r'coordinator_user_feedback_total{rating="2"} (\S+)', text)
        return float(found[1]) if found else 0.0

    before = await counted()
    await guest.rates(2, key="counted")
    await guest.rates(2, key="counted")
    assert await counted() == before + 1


async def test_a_key_gives_one_rating(guest: Guest, sees: Connection) -> None:
    first = await guest.rates(5, key="once")
    assert await guest.rates(5, key="once") == first
    assert len(await told(sees, guest)) == 1
    refused = await failure(guest.rates(4, key="once"))
    assert refused.reason == "IDEMPOTENCY_KEY_REUSED"


@pytest.mark.parametrize("role", [Role.GUEST, Role.MANAGER])
async def test_nobody_rates_for_somebody_else(
    guest: Guest, coordinator: CoordinatorClient, tenant_id: UUID, sees: Connection, role: Role
) -> None:
    stranger = Guest(coordinator, with_role(tenant_id, role), guest.session_id)
    refused = await failure(stranger.rates(1))
    assert (refused.code.name, refused.reason) == ("NOT_FOUND", "SESSION_NOT_FOUND")
    assert await told(sees, guest) == []


async def test_staff_read_the_ratings_of_all_and_guests_their_own(
    guest: Guest, coordinator: CoordinatorClient, tenant_id: UUID
) -> None:
    await guest.rates(4)
    staff = Guest(coordinator, with_role(tenant_id, Role.STAFF), guest.session_id)
    assert (await staff.stats()).count == 1
    stranger = Guest(coordinator, coordinator.guest(tenant_id).principal, guest.session_id)
    assert (await failure(stranger.stats())).reason == "SESSION_NOT_FOUND"


async def test_what_a_guest_wrote_is_kept_and_told_nowhere(
    guest: Guest, sees: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await guest.rates(2, comment="my name is Ada and the soup was cold")
    kept = await sees.fetchval(
        "SELECT comment FROM coordinator.feedback WHERE session_id = $1",
        from_id("ses", guest.session_id),
    )
    assert kept == "my name is Ada and the soup was cold"
    assert "Ada" not in json.dumps(await told(sees, guest))
    assert "Ada" not in caplog.text


@pytest.mark.parametrize("stars", [0, 6, -1])
async def test_stars_are_one_to_five(guest: Guest, stars: int) -> None:
    assert (await failure(guest.rates(stars))).reason == "INVALID_FIELD"
