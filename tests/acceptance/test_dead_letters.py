"""An event nobody can take in: found, looked at, replayed and given up from the command line."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from services.chassis.data.ids import IdFactory
from services.chassis.data.outbox import CHANNEL, OutboxEvent, append
from services.chassis.data.postgres import Database
from tests.support.mesh import RunningMesh, own_environment
from tests.support.people import client, guest
from tests.support.services import eventually

TYPE = "maitred.feedback.v1"


def dlq(mesh: RunningMesh, *arguments: str) -> Any:
    """What the command prints, as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "services.assembly.cli", "dlq", *arguments, "--json"],
        env=own_environment(mesh.home),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def happened(mesh: RunningMesh, aggregate: str, *payloads: bytes) -> None:
    """Events of the first demo tenant that say what their consumers cannot read."""
    tenant_id = UUID(mesh.demo[0].tenant_id)
    new = IdFactory(lambda: datetime.now(UTC)).new
    async with Database.connect(mesh.record.database_url, max_size=1) as database:
        async with database.tenant(tenant_id) as connection:
            for payload in payloads:
                event = OutboxEvent(new(), tenant_id, TYPE, aggregate, "gst_1", payload)
                await append(connection, event)
        async with database.connection() as connection:
            await connection.execute(f"NOTIFY {CHANNEL}")


async def test_a_letter_is_found_replayed_and_given_up(mesh: RunningMesh) -> None:
    aggregate = f"fbk_{uuid4().hex}"
    first, second = (
        {"id": f"evt_{n}", "subject": aggregate, "data": {"decision_id": "dec_1"}} for n in "12"
    )
    await happened(mesh, aggregate, json.dumps(first).encode(), json.dumps(second).encode())
    mine = ("--consumer", "bandit", "--aggregate", aggregate)

    async def are_set_aside() -> bool:
        return len(dlq(mesh, "list", *mine)) == 2

    await eventually(are_set_aside)
    follower, poison = dlq(mesh, "list", *mine)
    assert (poison["attempts"], follower.get("attempts", 0)) == (1, 0)
    shown = dlq(mesh, "show", poison["dead_letter_id"])
    assert json.loads(shown["payload_json"]) == first

    assert dlq(mesh, "replay", poison["dead_letter_id"]) == {"count": 1}

    async def is_tried_again() -> bool:
        letter = dlq(mesh, "show", poison["dead_letter_id"])
        return bool((letter["attempts"], letter["interventions"]) == (2, 1))

    await eventually(is_tried_again)
    assert dlq(mesh, "discard", "--reason", "a test", *mine) == {"count": 2}
    assert dlq(mesh, "list", *mine) == []
    given_up = dlq(mesh, "list", *mine, "--status", "discarded")
    assert {one["settle_reason"] for one in given_up} == {"a test"}
    assert all(one["settled_by"].startswith("key_") for one in given_up)
    # Learning could not take them in either.
    dlq(mesh, "discard", "--reason", "a test", "--aggregate", aggregate)


async def test_guests_see_no_letters(mesh: RunningMesh) -> None:
    async with client(mesh) as nobody:
        assert (await nobody.get("/api/v1/dead-letters")).status_code == 401
    async with guest(mesh, mesh.demo[0].slug) as somebody:
        answer = await somebody.get("/api/v1/dead-letters")
        assert (answer.status_code, answer.json()["reason"]) == (403, "ROLE_REQUIRED")
