"""Rewards in the database: applied once, in an order that a replay reproduces."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from random import Random
from uuid import UUID

import numpy as np
import pytest
import pytest_asyncio

from services.bandit.applying import apply_next
from services.bandit.audit import audit
from services.bandit.decision import NewDecision
from services.bandit.policy import serving_settings
from services.bandit.store import DecisionStore, PolicyEdition, PolicyStore
from services.chassis.data.ids import IdFactory
from services.chassis.data.postgres import Connection, Database
from tests.integration.bandit.serving import ARMS
from tests.support.servers import MigratedDatabase
from tests.support.services import Clock

WINDOW = timedelta(hours=1)
SETTINGS = serving_settings(WINDOW)


class Books:
    """A tenant's policy, decisions and rewards, without a service around them."""

    def __init__(self, database: Database, tenant_id: UUID) -> None:
        self.database = database
        self.tenant_id = tenant_id
        self.clock = Clock()
        self.policies = PolicyStore(database)
        self.decisions = DecisionStore(database)
        self._ids = IdFactory(self.clock)
        self._random = Random(5)

    async def decide(self, count: int = 1) -> list[UUID]:
        """New decisions, each for an arm and with a vector of its own."""
        await self.policies.make(self.tenant_id, "serving", SETTINGS, self.clock())
        batch = [self._decision() for _ in range(count)]
        await self.decisions.record(PolicyEdition(self.tenant_id, "serving", 1, WINDOW), batch)
        return [one.decision_id for one in batch]

    def _decision(self) -> NewDecision:
        vector = np.array([1.0, *(self._random.uniform(-1, 1) for _ in range(11))])
        return NewDecision(
            self._ids.new(), "gst_1", None, self._random.choice(ARMS), vector, None, None, b"",
            self.clock(),
        )  # fmt: skip

    async def report(self, decision_id: UUID, value: float, source: str = "rating") -> None:
        assert await self.decisions.report(self.tenant_id, decision_id, source, value, self.clock())

    async def apply(self) -> None:
        """All there is to apply."""
        is_full = True
        while is_full:
            async with self.database.tenant(self.tenant_id) as connection:
                is_full = (await apply_next(connection, self.tenant_id, self.clock())).is_full

    async def differs(self) -> float:
        """By how much what is stored differs from its replay."""
        async with self.database.tenant(self.tenant_id) as connection:
            return await audit(connection, self.tenant_id, "serving")

    async def learned(self) -> tuple[int, float]:
        """Decisions learned from, and the sum of their rewards to nine digits."""
        known = await self.policies.load(self.tenant_id, "serving", None)
        assert known is not None
        arms = known.arms.values()
        return sum(arm.learned for arm in arms), round(sum(arm.reward_sum for arm in arms), 9)

    async def reward(self, decision_id: UUID) -> float | None:
        stored = await self.decisions.get(self.tenant_id, decision_id, None)
        assert stored is not None
        return stored.reward


@pytest_asyncio.fixture(loop_scope="module")
async def books(database: MigratedDatabase, tenant_id: UUID) -> AsyncIterator[Books]:
    async with Database.connect(database.service_url("bandit")) as own:
        yield Books(own, tenant_id)


async def test_whatever_is_reported_the_statistics_equal_their_replay(books: Books) -> None:
    random = Random(20261121)
    made = await books.decide(60)
    for _ in range(12):
        for _ in range(25):
            source = random.choice(("rating", "order", "session"))
            await books.report(random.choice(made), random.uniform(-1, 1), source)
        await books.apply()
        books.clock.advance(minutes=7)
        made += await books.decide(5)
    books.clock.advance(hours=2)
    await books.apply()
    assert (await books.learned())[0] == len(made)
    assert await books.differs() <= 1e-9


async def test_a_newer_value_replaces_the_older_and_sources_add_up(books: Books) -> None:
    (decision,) = await books.decide()
    for value, source in ((0.5, "rating"), (0.25, "order"), (-1.0, "rating")):
        await books.report(decision, value, source)
        await books.apply()
    assert await books.reward(decision) == pytest.approx(-0.75)
    assert await books.learned() == (1, -0.75)
    stored = await books.decisions.get(books.tenant_id, decision, None)
    assert stored is not None
    assert {one.source: one.value for one in stored.rewards} == {"rating": -1.0, "order": 0.25}
    assert all(one.is_learned for one in stored.rewards)


async def test_without_a_reward_the_default_is_learned_at_the_end_of_the_window(
    books: Books,
) -> None:
    rewarded, silent = await books.decide(2)
    await books.report(rewarded, 1.0)
    await books.apply()
    assert await books.learned() == (1, 1.0)
    books.clock.advance(hours=1, seconds=1)
    await books.apply()
    assert await books.learned() == (2, 1.0)
    assert (await books.reward(rewarded), await books.reward(silent)) == (1.0, 0.0)


async def test_after_the_window_a_reward_is_only_logged(books: Books) -> None:
    (decision,) = await books.decide()
    books.clock.advance(hours=1, seconds=1)
    await books.report(decision, 1.0)
    await books.apply()
    await books.report(decision, -1.0)
    await books.apply()
    stored = await books.decisions.get(books.tenant_id, decision, None)
    assert stored is not None
    assert (stored.reward, stored.is_expired) == (0.0, True)
    assert [(one.value, one.is_learned) for one in stored.rewards] == [(-1.0, False)]
    assert await books.differs() == 0.0


async def test_a_reward_that_waited_out_the_window_is_still_learned(books: Books) -> None:
    (decision,) = await books.decide()
    await books.report(decision, 1.0)
    books.clock.advance(hours=30)
    await books.apply()
    assert await books.reward(decision) == 1.0


async def test_what_is_cut_off_in_the_middle_happens_later_and_once(books: Books) -> None:
    made = await books.decide(20)
    for decision in made:
        await books.report(decision, 0.5)

    class PowerCut(Exception):
        pass

    async def interrupted() -> None:
        async with books.database.tenant(books.tenant_id) as connection:
            await apply_next(connection, books.tenant_id, books.clock())
            raise PowerCut

    with pytest.raises(PowerCut):
        await interrupted()
    assert await books.learned() == (0, 0.0)
    await books.apply()
    await books.apply()
    assert await books.learned() == (20, 10.0)
    assert await books.differs() <= 1e-9


async def test_two_who_apply_at_once_apply_everything_once(books: Books) -> None:
    made = await books.decide(200)
    await asyncio.gather(*(books.report(decision, 0.25) for decision in made))
    await asyncio.gather(*(books.apply() for _ in range(4)))
    assert await books.learned() == (200, 50.0)
    assert await books.differs() <= 1e-9


async def test_more_than_a_batch_is_applied_in_batches(books: Books, sees: Connection) -> None:
    (decision,) = await books.decide()
    await sees.execute(
        "INSERT INTO bandit.rewards (tenant_id, decision_id, source, value, report_time)"
        " SELECT $1, $2, 'rating', n / 1300.0, $3 FROM generate_series(1, 1300) n",
        books.tenant_id,
        decision,
        books.clock(),
    )
    books.clock.advance(hours=2)
    await books.apply()
    assert await books.reward(decision) == 1.0
    rows = await sees.fetch(
        "SELECT source, value FROM bandit.rewards WHERE tenant_id = $1 ORDER BY seq",
        books.tenant_id,
    )
    assert [row["source"] for row in rows] == ["rating"] * 1300 + [None]
    assert await books.differs() <= 1e-9


async def test_by_a_half_life_the_old_counts_less_and_a_replay_agrees(books: Books) -> None:
    (old,) = await books.decide()
    halving = replace(SETTINGS, half_life=timedelta(hours=6))
    await books.policies.put(books.tenant_id, "serving", halving, books.clock())
    books.clock.advance(hours=600)
    recent = await books.decide(5)
    for decision in recent:
        await books.report(decision, 1.0)
    await books.apply()
    assert await books.differs() <= 1e-9
    known = await books.policies.load(books.tenant_id, "serving", None)
    assert known is not None
    # Of six observations' biases, five count fully and one of a hundred half-lives ago does not;
    # but for what passed since on a busy machine.
    assert sum(arm.a[0, 0] for arm in known.arms.values()) == pytest.approx(5.0, abs=0.05)
    await books.policies.put(books.tenant_id, "serving", SETTINGS, books.clock())
    assert await books.differs() <= 1e-9
    known = await books.policies.load(books.tenant_id, "serving", None)
    assert known is not None
    assert sum(arm.a[0, 0] for arm in known.arms.values()) == pytest.approx(6.0)
    assert await books.reward(old) == 0.0


async def test_other_features_begin_the_statistics_anew(books: Books) -> None:
    before = await books.decide(5)
    await books.report(before[0], 1.0)
    await books.apply()
    settings = replace(SETTINGS, context_features=("weekend",))
    await books.policies.put(books.tenant_id, "serving", settings, books.clock())
    assert await books.learned() == (0, 0.0)
    await books.report(before[1], 1.0)
    await books.apply()
    books.clock.advance(hours=2)
    await books.apply()
    assert await books.learned() == (0, 0.0)
    assert await books.differs() == 0.0


async def test_a_reward_of_no_decision_is_not_kept(books: Books) -> None:
    await books.decide()
    assert not await books.decisions.report(
        books.tenant_id, UUID(int=7), "rating", 1.0, books.clock()
    )
