"""What the loop has learned, against what a single reader of the log makes of its events.

All is read past row-level security, as the migrator may, and over a tenant's whole history.
"""

import asyncio
import json
import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from maitred.bandit.v1 import decision_pb2

from services.bandit.audit import audit
from services.chassis.data.ids import from_id, to_id
from services.chassis.data.postgres import Connection, Database
from tests.support.crowds import Told

SETTLE_S = 120.0
TOLERANCE = 1e-9

# What is still under way, by what it is called.
_UNSETTLED = {
    "events in the outbox": "SELECT count(*) FROM events.outbox",
    "positions behind the log": """
        SELECT count(*) FROM (
            SELECT partition, seq FROM bandit.consumer_partitions
            UNION ALL SELECT partition, seq FROM learning.consumer_partitions
        ) AS at FULL JOIN events.partitions AS log USING (partition)
        WHERE at.seq IS DISTINCT FROM log.head_seq""",
    "rewards to be applied": "SELECT count(*) FROM bandit.rewards WHERE seq IS NULL",
    "documents to be ingested": (
        "SELECT count(*) FROM retrieval.ingestions WHERE state = 'running'"
    ),
}
_DEAD_LETTERS = """
    SELECT consumer, type, error FROM events.dead_letters WHERE status = 'waiting'"""


@dataclass(frozen=True, slots=True)
class Logged:
    """An event of the log."""

    seq: int
    type: str
    payload: bytes

    @property
    def data(self) -> Mapping[str, Any]:
        """What it tells."""
        data: Mapping[str, Any] = json.loads(self.payload)["data"]
        return data


async def settled(database: Database) -> None:
    """Returns once nothing is under way; fails after two minutes, or of dead letters."""
    left: Mapping[str, int] = {}
    try:
        async with asyncio.timeout(SETTLE_S):
            while left := await _left(database):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"after {SETTLE_S} s there are {left}") from None
    async with database.connection() as connection:
        assert await connection.fetch(_DEAD_LETTERS) == []


async def _left(database: Database) -> Mapping[str, int]:
    async with database.connection() as connection:
        counts = {name: await connection.fetchval(sql) for name, sql in _UNSETTLED.items()}
    return {name: count for name, count in counts.items() if count}


async def read_log(connection: Connection, tenant_id: UUID) -> list[Logged]:
    """All events of a tenant, in order."""
    rows = await connection.fetch(
        "SELECT seq, type, payload FROM events.log WHERE tenant_id = $1 ORDER BY seq", tenant_id
    )
    return [Logged(*row) for row in rows]


async def assert_ratings_are_kept(
    connection: Connection, tenant_id: UUID, log: Sequence[Logged], told: Told
) -> None:
    """Every rating that was acknowledged is one row and one event, and nothing else is either."""
    rows = await connection.fetch(
        "SELECT feedback_id, session_id, decision_id, rating FROM coordinator.feedback"
        " WHERE tenant_id = $1",
        tenant_id,
    )
    kept = sorted(
        (to_id("fbk", row[0]), to_id("ses", row[1]), row["decision_id"], row["rating"])
        for row in rows
    )
    announced = sorted(
        (one["feedback_id"], one["session_id"], one.get("decision_id", ""), one["rating"])
        for one in (event.data for event in log if event.type == "maitred.feedback.v1")
    )
    assert kept == announced
    given = [(one.feedback_id, one.session_id, one.decision_id, one.stars) for one in told.ratings]
    assert len(given) == len(set(given))
    assert set(given) <= set(kept)


async def assert_rewards_are_those_of_events(
    connection: Connection, tenant_id: UUID, log: Sequence[Logged]
) -> None:
    """Every event with a decision is one reward, in order, the last of each source counts."""
    expected: dict[tuple[str, str], list[float]] = defaultdict(list)
    for event in log:
        worth = _worth(event)
        if worth and event.data.get("decision_id"):
            expected[event.data["decision_id"], worth[0]].append(worth[1])
    rows = await connection.fetch(
        "SELECT decision_id, source, value FROM bandit.rewards"
        " WHERE tenant_id = $1 AND source IS NOT NULL ORDER BY reward_id",
        tenant_id,
    )
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in rows:
        found[to_id("dec", row["decision_id"]), row["source"]].append(row["value"])
    assert found == expected
    by_decision: dict[str, list[float]] = defaultdict(list)
    for (decision_id, _), values in expected.items():
        by_decision[decision_id].append(values[-1])
    learned = await connection.fetch(
        "SELECT decision_id, reward FROM bandit.decisions"
        " WHERE tenant_id = $1 AND reward IS NOT NULL AND NOT is_expired",
        tenant_id,
    )
    assert {to_id("dec", row["decision_id"]): row["reward"] for row in learned} == {
        decision_id: max(-1.0, min(1.0, math.fsum(values)))
        for decision_id, values in by_decision.items()
    }


async def assert_arms_equal_their_replay(connection: Connection, tenant_id: UUID) -> int:
    """The statistics are those of the reward rows applied one by one; how many decisions learned.

    Rows are numbered without a gap.
    """
    assert await audit(connection, tenant_id, "serving") <= TOLERANCE
    numbers = await connection.fetch(
        "SELECT seq FROM bandit.rewards WHERE tenant_id = $1 ORDER BY seq", tenant_id
    )
    assert [row["seq"] for row in numbers] == list(range(1, len(numbers) + 1))
    learned = await connection.fetchval(
        "SELECT coalesce(sum(learned), 0)::int FROM bandit.arms WHERE tenant_id = $1", tenant_id
    )
    return int(learned)


async def assert_decisions_are_logged(
    connection: Connection, tenant_id: UUID, told: Collection[str]
) -> None:
    """Every decision that was told of is there, drawn from probabilities that sum to 1."""
    rows = await connection.fetch(
        "SELECT decision_id, arm_id, decision FROM bandit.decisions WHERE tenant_id = $1", tenant_id
    )
    assert {from_id("dec", one) for one in told} <= {row["decision_id"] for row in rows}
    for row in rows:
        decision = decision_pb2.Decision.FromString(row["decision"])
        probabilities = {arm.arm_id: arm.probability for arm in decision.arms}
        assert math.isclose(sum(probabilities.values()), 1.0, abs_tol=TOLERANCE)
        assert probabilities[row["arm_id"]] > 0.0


def _worth(event: Logged) -> tuple[str, float] | None:
    """The source and the value of a reward: stars, an order, a cart left behind."""
    match event.type, event.data.get("status"):
        case "maitred.feedback.v1", _:
            return "rating", (event.data["rating"] - 3) / 2
        case "maitred.order.v1", "placed":
            return "order", 0.25
        case "maitred.session.v1", "abandoned":
            return "session", -0.25
    return None
