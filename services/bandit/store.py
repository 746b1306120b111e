"""Policies, decisions and reports in the database."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import numpy as np

from services.bandit.decision import ArmFigures, NewDecision, SourceReward, StoredDecision
from services.bandit.ledger import Discount, Ledger, Observation
from services.bandit.linucb import ArmStatistics
from services.bandit.policy import FloatArray, PolicySettings
from services.bandit.ranking import Knowledge
from services.chassis.data.idempotency import Answer, in_progress, key_reused
from services.chassis.data.outbox import partition_of
from services.chassis.data.postgres import Connection, Database, Queries

if TYPE_CHECKING:
    from asyncpg import Record

QUERIES = Queries.load(__package__)


@dataclass(frozen=True, slots=True)
class PolicyEdition:
    """Which decisions may share a batch: a tenant's, of one policy as it was."""

    tenant_id: UUID
    policy_id: str
    generation: int
    reward_window: timedelta


class PolicyStore:
    """Reads, makes and changes policies."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def make(
        self, tenant_id: UUID, policy_id: str, settings: PolicySettings, now: datetime
    ) -> None:
        """Makes a policy, unless there is one."""
        async with self._database.tenant(tenant_id) as connection:
            await make_policy(connection, tenant_id, policy_id, settings, now)

    async def load(
        self, tenant_id: UUID, policy_id: str, known: Knowledge | None
    ) -> Knowledge | None:
        """The policy as it is, None if there is none; only what is not `known` yet is read."""
        async with self._database.tenant(tenant_id) as connection:
            return await read_policy(connection, tenant_id, policy_id, known)

    async def versions(self, tenant_ids: Sequence[UUID]) -> dict[tuple[UUID, str], int]:
        """The versions of all policies of these tenants."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(QUERIES.policy_versions, tenant_ids)
        return {(row["tenant_id"], row["policy_id"]): row["version"] for row in rows}

    async def put(
        self, tenant_id: UUID, policy_id: str, settings: PolicySettings, now: datetime
    ) -> None:
        """Makes a policy or changes its settings.

        With other features its statistics begin anew; with another half-life they are made of the
        decisions again, which takes its time.
        """
        async with self._database.tenant(tenant_id) as connection:
            row = await connection.fetchrow(QUERIES.lock_policies, tenant_id, policy_id)
            if row is None:
                await make_policy(connection, tenant_id, policy_id, settings, now)
                return
            before = to_settings(row)
            fits = settings.has_features_of(before)
            generation = row["generation"] + (not fits)
            weighs_as_before = fits and settings.half_life == before.half_life
            base_time = row["base_time"] if weighs_as_before else now
            await connection.execute(
                QUERIES.change_policy,
                *(tenant_id, policy_id, *_columns(settings), generation, base_time, now),
            )
            if not weighs_as_before:
                await connection.execute(QUERIES.forget_arms, tenant_id, policy_id)
                await _restate(connection, tenant_id, policy_id)

    async def figures(
        self, tenant_id: UUID, policy_id: str, generation: int
    ) -> tuple[ArmFigures, ...]:
        """What people are shown of each arm."""
        async with self._database.tenant(tenant_id) as connection:
            rows = await connection.fetch(QUERIES.arm_figures, tenant_id, policy_id, generation)
        return tuple(ArmFigures(**dict(row)) for row in rows)


class DecisionStore:
    """Keeps decisions and what is reported of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(
        self, edition: PolicyEdition, batch: Sequence[NewDecision]
    ) -> list[Answer | Exception]:
        """Keeps decisions in one transaction, each once for its request.

        Returns:
            For each the bytes of the decision, this one or the one made for the request before; or
            the Failure that the key was used for another request.

        Raises:
            Failure: ABORTED REQUEST_IN_PROGRESS.
        """
        # In one order everywhere, so that batches with the same keys wait for each other in turn.
        ordered = sorted(batch, key=lambda one: (one.principal_id, one.request_id or ""))
        async with self._database.connection() as connection:
            try:
                rows = await connection.fetch(
                    QUERIES.record_decisions,
                    edition.tenant_id,
                    edition.policy_id,
                    edition.generation,
                    edition.reward_window.total_seconds(),
                    [one.decision_id for one in ordered],
                    [one.principal_id for one in ordered],
                    [one.session_id for one in ordered],
                    [one.arm_id for one in ordered],
                    [one.vector.tobytes() for one in ordered],
                    [one.request_id for one in ordered],
                    [one.fingerprint for one in ordered],
                    [one.body for one in ordered],
                    [one.create_time for one in ordered],
                )
            except asyncpg.LockNotAvailableError:
                raise in_progress() from None
        if len(rows) == len(batch):
            return [Answer(one.body, replayed=False) for one in batch]
        written = {row["decision_id"] for row in rows}
        return [
            Answer(one.body, replayed=False)
            if one.decision_id in written
            else await self._before(edition.tenant_id, one)
            for one in batch
        ]

    async def get(
        self, tenant_id: UUID, decision_id: UUID, owner: str | None
    ) -> StoredDecision | None:
        """The decision, if there is one and `owner` (None: anyone) owns it."""
        async with self._database.tenant(tenant_id) as connection:
            rows = await connection.fetch(QUERIES.read_decision, tenant_id, decision_id, owner)
            found = await _with_rewards(connection, tenant_id, rows)
        return found[0] if found else None

    async def page(
        self,
        tenant_id: UUID,
        owner: str | None,
        policy_id: str | None,
        session_id: str | None,
        before: UUID | None,
        limit: int,
    ) -> list[StoredDecision]:
        """At most `limit` decisions older than `before` (None: from the newest), newest first."""
        async with self._database.tenant(tenant_id) as connection:
            await connection.execute(QUERIES.plan_for_arguments)
            rows = await connection.fetch(
                QUERIES.list_decisions, tenant_id, owner, policy_id, session_id, before, limit
            )
            return await _with_rewards(connection, tenant_id, rows)

    async def report(
        self, tenant_id: UUID, decision_id: UUID, source: str, value: float, at: datetime
    ) -> bool:
        """Keeps a reward to be applied; False if there is no such decision."""
        async with self._database.tenant(tenant_id) as connection:
            return await report(connection, tenant_id, decision_id, source, value, at, owner=None)

    async def _before(self, tenant_id: UUID, decision: NewDecision) -> Answer | Exception:
        """What was answered to a request that came before."""
        async with self._database.tenant(tenant_id) as connection:
            row = await connection.fetchrow(
                QUERIES.read_decision_by_request,
                *(tenant_id, decision.principal_id, decision.request_id),
            )
        if row is None:
            return in_progress()
        if row["fingerprint"] != decision.fingerprint:
            return key_reused(decision.request_id or "")
        return Answer(row["decision"], replayed=True)


async def report(
    connection: Connection,
    tenant_id: UUID,
    decision_id: UUID,
    source: str,
    value: float,
    at: datetime,
    *,
    owner: str | None,
) -> bool:
    """Keeps a reward in a transaction of its tenant.

    Returns:
        Whether there is such a decision, made for `owner` (None: for anyone).
    """
    tag = await connection.execute(QUERIES.report, tenant_id, decision_id, source, value, at, owner)
    return tag.endswith(" 1")


async def make_policy(
    connection: Connection,
    tenant_id: UUID,
    policy_id: str,
    settings: PolicySettings,
    now: datetime,
) -> None:
    """Makes a policy in a transaction of its tenant, unless there is one."""
    await connection.execute(
        QUERIES.make_policy,
        *(tenant_id, policy_id, partition_of(tenant_id), *_columns(settings), now),
    )


async def read_policy(
    connection: Connection, tenant_id: UUID, policy_id: str, known: Knowledge | None = None
) -> Knowledge | None:
    """The policy as it is, None if there is none; of arms, those changed since `known`."""
    after = known.version if known else 0
    rows = await connection.fetch(QUERIES.read_policy, tenant_id, policy_id, after)
    if not rows:
        return None
    row = rows[0]
    if known and row["generation"] != known.generation:
        return await read_policy(connection, tenant_id, policy_id)
    settings = to_settings(row)
    changed = to_arms((row for row in rows if row["arm_id"] is not None), settings.dimension)
    return Knowledge(
        settings=settings,
        generation=row["generation"],
        version=row["version"],
        discount=Discount(row["base_time"], settings.half_life),
        arms={**(known.arms if known else {}), **changed},
        create_time=row["create_time"],
        update_time=row["update_time"],
    )


async def keep_arms(
    connection: Connection,
    tenant_id: UUID,
    policy_id: str,
    version: int,
    arms: Mapping[str, ArmStatistics],
    last_choice_times: Mapping[str, datetime],
) -> None:
    """Writes statistics of arms in a transaction of their tenant."""
    await connection.execute(
        QUERIES.keep_arms,
        tenant_id,
        policy_id,
        version,
        [*arms],
        [arm.a.tobytes() for arm in arms.values()],
        [arm.b.tobytes() for arm in arms.values()],
        [arm.learned for arm in arms.values()],
        [arm.reward_sum for arm in arms.values()],
        [last_choice_times[arm_id] for arm_id in arms],
    )


def to_settings(row: "Record") -> PolicySettings:
    """The settings in a row of `policies`."""
    half_life_s = row["half_life_s"]
    return PolicySettings(
        context_features=tuple(row["context_features"]),
        arm_features=tuple(row["arm_features"]),
        alpha=row["alpha"],
        exploration_floor=row["exploration_floor"],
        ridge=row["ridge"],
        half_life=None if half_life_s is None else timedelta(seconds=half_life_s),
        reward_window=timedelta(seconds=row["reward_window_s"]),
        default_reward=row["default_reward"],
    )


def to_arms(rows: "Iterable[Record]", dimension: int) -> dict[str, ArmStatistics]:
    """Statistics by arm, of rows of `arms`."""
    return {
        row["arm_id"]: ArmStatistics(
            to_vector(row["a"]).reshape(dimension, dimension).copy(),
            to_vector(row["b"]).copy(),
            row["learned"],
            row["reward_sum"],
        )
        for row in rows
    }


def to_vector(data: bytes) -> FloatArray:
    """Numbers as the database keeps them, read-only."""
    return np.frombuffer(data, np.float64)


def to_observation(row: "Record", generation: int) -> Observation:
    """A decision as learning sees it, in a policy of that generation."""
    return Observation(
        decision_id=row["decision_id"],
        arm_id=row["arm_id"],
        vector=to_vector(row["vector"]),
        create_time=row["create_time"],
        expire_time=row["expire_time"],
        is_current=row["generation"] == generation,
    )


async def _restate(connection: Connection, tenant_id: UUID, policy_id: str) -> None:
    """Makes a policy's statistics of all decisions that fit its features, by its half-life."""
    policy = await read_policy(connection, tenant_id, policy_id)
    if policy is None:
        return
    ledger = Ledger(policy.discount, policy.settings.dimension, {}, {})
    chosen: dict[str, datetime] = {}
    arguments = (tenant_id, policy_id, policy.generation)
    async for row in connection.cursor(QUERIES.contributions, *arguments, prefetch=500):
        ledger.restate(to_observation(row, policy.generation), row["reward"])
        chosen[row["arm_id"]] = row["create_time"]
    await keep_arms(connection, tenant_id, policy_id, policy.version, ledger.arms, chosen)


async def _with_rewards(
    connection: Connection, tenant_id: UUID, rows: "Sequence[Record]"
) -> list[StoredDecision]:
    ids = [row["decision_id"] for row in rows]
    reported: dict[UUID, list[SourceReward]] = defaultdict(list)
    for row in await connection.fetch(QUERIES.newest_rewards, tenant_id, ids):
        reported[row["decision_id"]].append(
            SourceReward(row["source"], row["value"], row["report_time"], row["is_learned"])
        )
    return [
        StoredDecision(
            decision_id=row["decision_id"],
            body=row["decision"],
            is_expired=row["is_expired"],
            reward=row["reward"],
            rewards=tuple(reported[row["decision_id"]]),
        )
        for row in rows
    ]


def _columns(settings: PolicySettings) -> tuple[Any, ...]:
    half_life = settings.half_life
    return (
        settings.context_features,
        settings.arm_features,
        settings.alpha,
        settings.exploration_floor,
        settings.ridge,
        half_life.total_seconds() if half_life else None,
        settings.reward_window.total_seconds(),
        settings.default_reward,
    )
