"""Valkey holds nothing that cannot be made again: its data deleted, the same ids come back."""

import asyncio
import subprocess
import sys

import pytest
import redis

from services.assembly.demo.play import read_evening
from services.chassis.data.outbox import PARTITIONS
from services.chassis.data.streams import stream_key
from tests.support.evenings import play
from tests.support.losses import LOSSES, Loss
from tests.support.mesh import RunningMesh, own_environment, paused, wait_until

SMALL_EVENING = read_evening()[1::6]

Entries = dict[int, list[tuple[bytes, dict[bytes, bytes]]]]


def streams(mesh: RunningMesh) -> Entries:
    """All entries of all partitions; none while Valkey does not answer."""
    try:
        with redis.Redis.from_url(mesh.record.redis_url) as client:
            return {
                partition: entries
                for partition in range(PARTITIONS)
                if (entries := client.xrange(stream_key(partition)))
            }
    except redis.RedisError:
        return {}


def goes_on_from(before: Entries, now: Entries) -> bool:
    """Whether all that was there is there again; what was learned of it may be told since."""
    return all(now.get(one, [])[: len(entries)] == entries for one, entries in before.items())


def replay(mesh: RunningMesh) -> str:
    return subprocess.run(
        [sys.executable, "-m", "services.assembly.cli", "events", "replay"],
        env=own_environment(mesh.home),
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.parametrize("lose", LOSSES)
async def test_the_relay_restores_what_was_lost(mesh: RunningMesh, lose: Loss) -> None:
    (await play(mesh, SMALL_EVENING)).assert_nothing_lost_or_doubled()
    before = streams(mesh)

    lose(mesh)

    assert before
    wait_until(lambda: goes_on_from(before, streams(mesh)), 60)


@pytest.mark.parametrize("lose", LOSSES)
async def test_a_replay_restores_what_was_lost_and_another_changes_nothing(
    mesh: RunningMesh, lose: Loss
) -> None:
    (await play(mesh, SMALL_EVENING)).assert_nothing_lost_or_doubled()
    # The relay would restore them by itself.
    with paused(mesh, "relay"):
        before = streams(mesh)
        count = sum(map(len, before.values()))
        lose(mesh)
        assert streams(mesh) == {}

        assert replay(mesh) == f"{count} events added.\n"
        assert streams(mesh) == before
        assert replay(mesh) == "0 events added.\n"
        assert streams(mesh) == before


@pytest.mark.parametrize("lose", LOSSES)
async def test_listeners_do_not_notice_a_loss(mesh: RunningMesh, lose: Loss) -> None:
    async def lose_all() -> None:
        await asyncio.to_thread(lose, mesh)

    account = await play(mesh, SMALL_EVENING, lose_all)

    account.assert_nothing_lost_or_doubled()
