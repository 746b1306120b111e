"""What the switches keep learning from."""

from uuid import UUID

import grpc
import pytest

from tests.integration.learning.serving import serving
from tests.integration.learning.telling import Guest
from tests.support.servers import MigratedDatabase
from tests.support.services import failure


@pytest.mark.parametrize("switch", ["is_enabled", "is_tracking"])
async def test_without_tracking_events_pass_unrecorded(
    database: MigratedDatabase, redis_url: str, tenant_id: UUID, switch: str
) -> None:
    async with serving(database, redis_url, **{switch: False}) as client:
        await client.tell(Guest(tenant_id).is_served().rates(5))

        async def passed() -> bool:
            labels = {"type": "maitred.feedback.v1", "reason": "off"}
            return client.counted("learning_events_ignored_total", **labels) == 1

        await client.until(passed)
        assert await client.recommendations(tenant_id) == []
    async with serving(database, redis_url) as client:
        await client.happens(Guest(tenant_id, agent_id="host").is_served())
        assert await client.recommendations(tenant_id, agent_id="seller") == []


@pytest.mark.parametrize(
    ("setting", "switch"), [("is_enabled", "LEARNING_ENABLED"), ("runs_jobs", "LEARNING_JOBS")]
)
async def test_without_jobs_no_cycle_runs(
    database: MigratedDatabase, redis_url: str, tenant_id: UUID, setting: str, switch: str
) -> None:
    async with serving(database, redis_url, **{setting: False}) as client:
        refused = await failure(client.run_cycle(tenant_id))
    assert (refused.code, refused.reason) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "LEARNING_DISABLED",
    )
    assert refused.metadata["switch"] == switch
