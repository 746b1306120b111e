"""Reading trust, and a manager who knows better."""

from uuid import UUID

import grpc
import pytest
from maitred.learning.v1 import trust_pb2, trust_service_pb2

from services.chassis.rpc.identity import Role
from tests.integration.learning.serving import LearningClient
from tests.integration.learning.telling import Guest
from tests.support.services import failure, metadata, with_role

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACTIVE = trust_pb2.TRUST_STATE_ACTIVE
DISABLED = trust_pb2.TRUST_STATE_DISABLED


async def batch(
    client: LearningClient, tenant_id: UUID, *agent_ids: str, role: Role = Role.GUEST
) -> list[trust_pb2.Trust]:
    response = await client.trusts.BatchGetTrust(
        trust_service_pb2.BatchGetTrustRequest(agent_ids=agent_ids),
        metadata=metadata(with_role(tenant_id, role)),
    )
    return list(response.trusts)


async def initialize(
    client: LearningClient, tenant_id: UUID, *agent_ids: str
) -> list[trust_pb2.Trust]:
    response = await client.trusts.InitializeTrust(
        trust_service_pb2.InitializeTrustRequest(agent_ids=agent_ids),
        metadata=metadata(with_role(tenant_id, Role.MANAGER)),
    )
    return list(response.trusts)


async def test_a_batch_is_in_the_order_asked_for_and_the_unknown_have_the_prior(
    client: LearningClient, tenant_id: UUID
) -> None:
    await client.happens(Guest(tenant_id).is_served().rates(5))
    stranger, seller = await batch(client, tenant_id, "stranger", "seller")
    assert (stranger.agent_id, seller.agent_id) == ("stranger", "seller")
    assert (stranger.overall, stranger.evidence, stranger.boost) == (0.5, 0.0, 0.0)
    assert stranger.state == ACTIVE
    assert stranger.probe_share == 0.05
    assert not stranger.HasField("update_time")
    assert seller.overall > 0.5
    assert seller.HasField("update_time")
    assert not seller.changes


async def test_an_empty_batch_is_everyone_known_by_name(
    client: LearningClient, tenant_id: UUID
) -> None:
    assert await batch(client, tenant_id) == []
    await initialize(client, tenant_id, "seller", "guide")
    assert [one.agent_id for one in await batch(client, tenant_id)] == ["guide", "seller"]


async def test_trust_in_whom_nothing_was_ever_recorded_of_is_not_found(
    client: LearningClient, tenant_id: UUID
) -> None:
    refused = await failure(client.trust(tenant_id))
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "TRUST_NOT_FOUND")
    refused = await failure(client.override(with_role(tenant_id, Role.MANAGER), DISABLED))
    assert refused.reason == "TRUST_NOT_FOUND"


async def test_initializing_sets_the_unknown_to_the_prior_and_leaves_the_known(
    client: LearningClient, tenant_id: UUID
) -> None:
    await client.happens(Guest(tenant_id).is_served().rates(5))
    known = await client.trust(tenant_id)
    guide, seller = await initialize(client, tenant_id, "guide", "seller")
    assert guide.overall == 0.5
    assert seller.overall == known.overall
    assert [one.cause for one in (await client.trust(tenant_id, "guide")).changes] == ["initialize"]
    assert (await client.trust(tenant_id)).changes == known.changes


async def test_a_manager_disables_an_agent_and_leaves_it_to_its_trust_again(
    client: LearningClient, tenant_id: UUID
) -> None:
    await initialize(client, tenant_id, "seller")
    manager = with_role(tenant_id, Role.MANAGER)
    disabled = await client.override(manager, DISABLED)
    assert (disabled.state, disabled.overridden) == (DISABLED, True)
    await client.override(manager, DISABLED)
    freed = await client.override(manager, trust_pb2.TRUST_STATE_UNSPECIFIED)
    assert (freed.state, freed.overridden) == (ACTIVE, False)
    by_hand = f"override {manager.principal_id}"
    changes = (await client.trust(tenant_id)).changes
    assert [(one.cause, one.state) for one in changes] == [
        ("initialize", ACTIVE),
        (by_hand, DISABLED),
        (by_hand, ACTIVE),
    ]

    async def told() -> bool:
        return len(await client.streamed(tenant_id)) == 3

    await client.until(told)
    events = await client.streamed(tenant_id)
    assert [(one["cause"], one["state"]) for one in events] == [
        ("initialize", "active"),
        ("override", "disabled"),
        ("override", "active"),
    ]


@pytest.mark.parametrize("role", [Role.GUEST, Role.STAFF])
async def test_only_managers_override(client: LearningClient, tenant_id: UUID, role: Role) -> None:
    refused = await failure(client.override(with_role(tenant_id, role), DISABLED))
    assert refused.code is grpc.StatusCode.PERMISSION_DENIED
