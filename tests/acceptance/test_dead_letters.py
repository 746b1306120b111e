"""An event nobody can take in: found, looked at, replayed and given up from the command line."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.assembly.demo.branches import new_branch
from services.chassis.data.ids import IdFactory
from services.chassis.data.outbox import CHANNEL, OutboxEvent, append
from services.chassis.data.postgres import Database
from tests.support.mesh import RunningMesh, own_environment
from tests.support.people import client, guest
from tests.support.services import eventually

TYPE = "maitred.feedback.v1"


class Refused(Exception):
    """The command did not do it, and says why."""


def dlq(mesh: RunningMesh, key: str, *arguments: str) -> Any:
    """What the command prints for the manager with this key, as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "services.assembly.cli", "dlq", *arguments, "--json"],
        env=own_environment(mesh.home) | {"MAITRED_API_KEY": key},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if done.returncode:
        raise Refused(done.stderr)
    return json.loads(done.stdout)


async def happened(mesh: RunningMesh, tenant_id: UUID, aggregate: str, *payloads: bytes) -> None:
    """Events that say what their consumers cannot read."""
    new = IdFactory(lambda: datetime.now(UTC)).new
    async with Database.connect(mesh.record.database_url, max_size=1) as database:
        async with database.tenant(tenant_id) as connection:
            for payload in payloads:
                event = OutboxEvent(new(), tenant_id, TYPE, aggregate, "gst_1", payload)
                await append(connection, event)
        async with database.connection() as connection:
            await connection.execute(f"NOTIFY {CHANNEL}")


async def test_a_letter_is_found_replayed_and_given_up(mesh: RunningMesh) -> None:
    # Of its own: what cannot be read would puzzle whoever reads the others' events.
    tenant = await new_branch(mesh.record, mesh.home, mesh.demo[0].slug)
    aggregate = f"fbk_{uuid4().hex}"
    first, second = (
        {"id": f"evt_{n}", "subject": aggregate, "data": {"decision_id": "dec_1"}} for n in "12"
    )
    payloads = (json.dumps(first).encode(), json.dumps(second).encode())
    await happened(mesh, UUID(tenant.tenant_id), aggregate, *payloads)
    mine = ("--consumer", "bandit", "--aggregate", aggregate)

    def dlq_of_tenant(*arguments: str) -> Any:
        return dlq(mesh, tenant.manager_key, *arguments)

    async def are_set_aside() -> bool:
        return len(dlq_of_tenant("list", *mine)) == 2

    await eventually(are_set_aside)
    follower, poison = dlq_of_tenant("list", *mine)
    assert (poison["attempts"], follower.get("attempts", 0)) == (1, 0)
    shown = dlq_of_tenant("show", poison["dead_letter_id"])
    assert json.loads(shown["payload_json"]) == first

    assert dlq_of_tenant("replay", poison["dead_letter_id"]) == {"count": 1}

    async def is_tried_again() -> bool:
        letter = dlq_of_tenant("show", poison["dead_letter_id"])
        # Perhaps by itself as well, where commands take a minute.
        return bool(letter["attempts"] >= 2 and letter["interventions"] == 1)

    await eventually(is_tried_again)
    assert dlq_of_tenant("discard", "--reason", "a test", *mine) == {"count": 2}
    assert dlq_of_tenant("list", *mine) == []
    given_up = dlq_of_tenant("list", *mine, "--status", "discarded")
    assert {one["settle_reason"] for one in given_up} == {"a test"}
    with pytest.raises(Refused, match="no such letter waits"):
        dlq_of_tenant("replay", poison["dead_letter_id"])
    assert all(one["settled_by"].startswith("key_") for one in given_up)

    async def none_waits() -> bool:
        """Others could not take them in either, each in its time."""
        dlq_of_tenant("discard", "--reason", "a test", "--all")
        return await all_taken_in(mesh) and dlq_of_tenant("list") == []

    await eventually(none_waits)


async def all_taken_in(mesh: RunningMesh) -> bool:
    """Whether no consumer of ratings is behind the log."""
    async with (
        Database.connect(mesh.record.database_url, max_size=1) as database,
        database.connection() as connection,
    ):
        behind: int = await connection.fetchval(
            "SELECT count(*) FROM events.partitions AS log"
            " LEFT JOIN bandit.consumer_partitions AS b USING (partition)"
            " LEFT JOIN learning.consumer_partitions AS l USING (partition)"
            " WHERE b.seq < log.head_seq OR l.seq < log.head_seq"
        )
    return behind == 0


async def test_guests_see_no_letters(mesh: RunningMesh) -> None:
    async with client(mesh) as nobody:
        assert (await nobody.get("/api/v1/dead-letters")).status_code == 401
    async with guest(mesh, mesh.demo[0].slug) as somebody:
        answer = await somebody.get("/api/v1/dead-letters")
        assert (answer.status_code, answer.json()["reason"]) == (403, "ROLE_REQUIRED")
