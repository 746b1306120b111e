"""Rewards and ends of windows, applied in one order by whoever holds the tenant's partition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from services.bandit.ledger import Account, Discount, Ledger, RewardRow
from services.bandit.linucb import ArmStatistics
from services.bandit.policy import PolicySettings
from services.bandit.store import QUERIES, keep_arms, to_arms, to_observation, to_settings
from services.chassis.data.postgres import Connection

if TYPE_CHECKING:
    from asyncpg import Record

BATCH = 500


@dataclass(slots=True)
class Applied:
    """What a batch came to.

    Attributes:
        learned: report times of rewards learned.
        late: report times of rewards only logged.
        ended: of windows that ended, whether the default was learned.
        is_full: whether there may be more to apply.
    """

    learned: list[datetime] = field(default_factory=list)
    late: list[datetime] = field(default_factory=list)
    ended: list[bool] = field(default_factory=list)
    is_full: bool = False


async def apply_next(connection: Connection, tenant_id: UUID, now: datetime) -> Applied:
    """Applies the tenant's next rewards, then ends the windows that are over.

    Everything happens in the transaction given, in which the tenant's lease must have been checked.
    A window ends only after every reward that was there before was applied.
    """
    applied = Applied()
    # Settings change under the same lock, so a batch sees one generation and one half-life.
    policies = await connection.fetch(QUERIES.lock_policies, tenant_id, None)
    reports = await connection.fetch(QUERIES.reports_to_apply, tenant_id, BATCH)
    applied.is_full = len(reports) == BATCH
    for row in policies:
        policy = _LockedPolicy.of(tenant_id, row)
        ours = [report for report in reports if report["policy_id"] == policy.policy_id]
        over: Sequence[Record] = ()
        if not applied.is_full:
            over = await connection.fetch(
                QUERIES.windows_to_end, tenant_id, policy.policy_id, now, BATCH
            )
        if ours or over:
            await _apply(connection, policy, ours, over, now, applied)
            applied.is_full |= len(over) == BATCH
    return applied


@dataclass(frozen=True, slots=True)
class _LockedPolicy:
    tenant_id: UUID
    policy_id: str
    settings: PolicySettings
    generation: int
    version: int
    last_seq: int
    discount: Discount
    create_time: datetime

    @classmethod
    def of(cls, tenant_id: UUID, row: "Record") -> "_LockedPolicy":
        settings = to_settings(row)
        return cls(
            tenant_id=tenant_id,
            policy_id=row["policy_id"],
            settings=settings,
            generation=row["generation"],
            version=row["version"],
            last_seq=row["last_seq"],
            discount=Discount(row["base_time"], settings.half_life),
            create_time=row["create_time"],
        )


async def _apply(
    connection: Connection,
    policy: _LockedPolicy,
    reports: "Sequence[Record]",
    over: "Sequence[Record]",
    now: datetime,
    applied: Applied,
) -> None:
    accounts = await _accounts(connection, policy, [*reports, *over])
    is_rebased = policy.discount.needs_rebase(now)
    discount = policy.discount.rebased(now) if is_rebased else policy.discount
    arms = await _arms(connection, policy, None if is_rebased else accounts)
    if is_rebased:
        shrink = policy.discount.present(now)
        arms = {arm_id: arm.scaled(shrink) for arm_id, arm in arms.items()}
    ledger = Ledger(discount, policy.settings.dimension, arms, accounts)
    learned = [ledger.apply(_row(report)) for report in reports]
    default = policy.settings.default_reward
    ended = [ledger.apply(RewardRow(row["decision_id"], None, default, now)) for row in over]
    await _write_rows(connection, policy, reports, learned, over, ended, now)
    await connection.execute(
        QUERIES.settle_decisions,
        policy.tenant_id,
        [*accounts],
        [account.reward for account in accounts.values()],
        [account.is_expired for account in accounts.values()],
    )
    version = policy.version + 1
    await _keep_arms(connection, policy, version, ledger)
    await connection.execute(
        QUERIES.advance_policy,
        *(policy.tenant_id, policy.policy_id, version),
        *(policy.last_seq + len(reports) + len(over), discount.base, now),
    )
    for report, is_learned in zip(reports, learned, strict=True):
        (applied.learned if is_learned else applied.late).append(report["report_time"])
    applied.ended += ended


async def _accounts(
    connection: Connection, policy: _LockedPolicy, rows: "Sequence[Record]"
) -> dict[UUID, Account]:
    """Where the decisions in these rows stand."""
    accounts = {
        row["decision_id"]: Account(
            to_observation(row, policy.generation),
            reward=row["reward"],
            is_expired=row["is_expired"],
        )
        for row in rows
    }
    values = await connection.fetch(QUERIES.learned_values, policy.tenant_id, [*accounts])
    for row in values:
        accounts[row["decision_id"]].values[row["source"]] = row["value"]
    return accounts


async def _arms(
    connection: Connection, policy: _LockedPolicy, accounts: Mapping[UUID, Account] | None
) -> dict[str, ArmStatistics]:
    """The statistics of the arms these decisions chose, or of all arms."""
    chosen = None
    if accounts is not None:
        chosen = [*{account.observation.arm_id for account in accounts.values()}]
    rows = await connection.fetch(QUERIES.read_arms, policy.tenant_id, policy.policy_id, chosen)
    return to_arms(rows, policy.settings.dimension)


async def _write_rows(
    connection: Connection,
    policy: _LockedPolicy,
    reports: "Sequence[Record]",
    learned: Sequence[bool],
    over: "Sequence[Record]",
    ended: Sequence[bool],
    now: datetime,
) -> None:
    """Numbers the reports, and puts the ends of windows behind them."""
    first = policy.last_seq + 1
    between = first + len(reports)
    await connection.execute(
        QUERIES.number_reports,
        policy.tenant_id,
        [report["reward_id"] for report in reports],
        [*range(first, between)],
        learned,
    )
    await connection.execute(
        QUERIES.end_windows,
        *(policy.tenant_id, policy.settings.default_reward, now),
        [row["decision_id"] for row in over],
        [*range(between, between + len(over))],
        ended,
    )


async def _keep_arms(
    connection: Connection, policy: _LockedPolicy, version: int, ledger: Ledger
) -> None:
    chosen = dict.fromkeys(ledger.arms, policy.create_time)
    for account in ledger.accounts.values():
        observation = account.observation
        if observation.arm_id in chosen:
            chosen[observation.arm_id] = max(chosen[observation.arm_id], observation.create_time)
    await keep_arms(connection, policy.tenant_id, policy.policy_id, version, ledger.arms, chosen)


def _row(report: "Record") -> RewardRow:
    return RewardRow(
        report["decision_id"], report["source"], report["value"], report["report_time"]
    )
