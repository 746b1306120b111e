"""Guests served while processes die, and whether the loop has learned what they said of it."""

import asyncio
from collections.abc import Iterable, Mapping
from itertools import takewhile
from random import Random
from uuid import UUID

import httpx
import pytest

from services.assembly.client import GatewayClient
from services.assembly.demo.access import DemoTenant
from services.assembly.demo.branches import new_branch
from services.assembly.demo.guests import come
from services.assembly.demo.loop import Loop
from services.assembly.demo.play import read_evening
from services.chassis.data.postgres import Database
from tests.support.crowds import Rated, Told, crowd
from tests.support.lessons import assert_learning_equals_its_replay
from tests.support.librarian import librarian
from tests.support.loop import (
    assert_arms_equal_their_replay,
    assert_decisions_are_logged,
    assert_ratings_are_kept,
    assert_rewards_are_those_of_events,
    read_log,
    settled,
)
from tests.support.mesh import RunningMesh
from tests.support.reaper import Reaper, schedule


async def serve_disturbed(mesh: RunningMesh, seed: int, times: Mapping[str, int]) -> None:
    """Serves guests until everything has died as often as is said; fails of anything lost.

    Args:
        mesh: whose demo tenants they come to.
        seed: of who dies when, and of what guests think.
        times: by process, or `reaper.STREAMS`.
    """
    random = Random(seed)
    async with (
        librarian(mesh, mesh.demo[0]) as documents,
        crowd(mesh, read_evening(), Random(seed)) as guests,
    ):
        await guests.until_rated({one.slug for one in mesh.demo})
        await Reaper(mesh, random).reap(schedule(random, times))
    assert documents.seen
    await assert_loop_is_whole(mesh, [(one, guests.told[one.slug]) for one in mesh.demo])


async def play_disturbed(mesh: RunningMesh, seed: int, guests: int, victims: Iterable[str]) -> None:
    """Plays the demo's loop while victims die; its own books have to agree, and ours.

    Args:
        mesh: where, at a tenant of its own.
        seed: of the guests, and of when victims die.
        guests: how many come.
        victims: processes or `reaper.STREAMS`; no more die once the loop is over.
    """
    tenant = await new_branch(mesh.record, mesh.home, mesh.demo[0].slug)
    loop = Loop(mesh.gateway_url, tenant, tuple(come(seed, guests)))
    playing = asyncio.create_task(loop.play())
    await Reaper(mesh, Random(seed)).reap(takewhile(lambda _: not playing.done(), victims))
    account = await playing
    assert list(account.problems()) == []
    told = Told(
        decisions={one for visit in account.visits for one in visit.decision_ids - {""}},
        orders={visit.talk.order["order_id"] for visit in account.visits if visit.talk.order},
        ratings=[
            Rated(one["feedback_id"], visit.session_id, one.get("decision_id", ""), one["rating"])
            for visit in account.visits
            for one in visit.ratings
        ],
    )
    await assert_loop_is_whole(mesh, [(tenant, told)])


async def assert_loop_is_whole(
    mesh: RunningMesh, tenants: Iterable[tuple[DemoTenant, Told]]
) -> None:
    """What guests were told, what the log holds and what was learned of it are one story."""
    async with Database.connect(mesh.record.database_url) as database:
        await settled(database)
        for tenant, told in tenants:
            await _assert_tenant_is_whole(database, tenant, told)
            await _assert_decisions_are_shown(mesh, tenant, told)


async def _assert_tenant_is_whole(database: Database, tenant: DemoTenant, told: Told) -> None:
    tenant_id = UUID(tenant.tenant_id)
    async with database.transaction() as connection:
        log = await read_log(connection, tenant_id)
        await assert_ratings_are_kept(connection, tenant_id, log, told)
        placed = [
            event.data["order_id"]
            for event in log
            if event.type == "maitred.order.v1" and event.data["status"] == "placed"
        ]
        assert len(placed) == len(set(placed))
        assert told.orders <= set(placed)
        await assert_decisions_are_logged(connection, tenant_id, told.decisions)
        await assert_rewards_are_those_of_events(connection, tenant_id, log)
        learned = await assert_arms_equal_their_replay(connection, tenant_id)
        assert learned >= len(told.rewarded) > 0
        rated = {one.session_id for one in told.ratings}
        assert await assert_learning_equals_its_replay(connection, tenant_id, log) >= len(rated) > 0


async def _assert_decisions_are_shown(mesh: RunningMesh, tenant: DemoTenant, told: Told) -> None:
    """The public API shows of each decision the last rating a guest gave it."""
    async with httpx.AsyncClient(base_url=mesh.gateway_url, timeout=60) as http:
        staff = GatewayClient(http, tenant.staff_key)
        for decision_id, value in told.rewarded.items():
            shown = await staff.call("GET", f"/api/v1/decisions/{decision_id}")
            assert sum(arm.get("probability", 0.0) for arm in shown["arms"]) == pytest.approx(1.0)
            rewards = {one["source"]: one.get("value", 0.0) for one in shown["rewards"]}
            assert rewards["rating"] == value
            assert shown.get("reward", 0.0) == max(-1.0, min(1.0, sum(rewards.values())))
