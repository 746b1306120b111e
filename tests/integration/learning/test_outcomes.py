"""From events to outcomes and trust: each counts once, and trust is what the rows say it is."""

from uuid import UUID, uuid4

import pytest
from maitred.learning.v1 import recommendation_service_pb2

from services.chassis.data.postgres import Connection
from services.chassis.rpc.identity import Role
from tests.integration.learning.replay import kept, replayed
from tests.integration.learning.serving import LearningClient
from tests.integration.learning.telling import Guest
from tests.support.services import metadata, with_role

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_recommendation_is_listed_as_it_was_made(
    client: LearningClient, tenant_id: UUID
) -> None:
    guest = Guest(tenant_id).is_offered("muffin", "croissant", confidence=0.9)
    await client.happens(guest)
    (made,) = await client.recommendations(tenant_id, agent_id="seller")
    assert made.recommendation_id == guest.recommendation_ids[0]
    assert (made.kind, list(made.product_ids)) == ("upsell", ["muffin", "croissant"])
    assert (made.confidence, made.session_id) == (0.9, guest.session_id)
    assert made.decision_id == guest.decision_id
    assert made.create_time.ToDatetime(guest.time.tzinfo) == guest.time
    assert not made.HasField("outcome")
    assert made.outcome_source == ""


async def test_a_rating_tells_of_everything_its_decision_led_to(
    client: LearningClient, tenant_id: UUID
) -> None:
    other = Guest(tenant_id).is_served()
    await client.happens(other, Guest(tenant_id).is_served().is_answered().rates(4))
    assert await client.outcomes(tenant_id) == [("", 0.0), ("rating", 0.75), ("rating", 0.75)]


async def test_a_later_rating_replaces_the_earlier(client: LearningClient, tenant_id: UUID) -> None:
    await client.happens(Guest(tenant_id).is_served().rates(1).rates(5))
    assert await client.outcomes(tenant_id) == [("rating", 1.0)]
    trust = await client.trust(tenant_id)
    assert trust.evidence == pytest.approx(1.0, abs=1e-3)
    assert trust.accuracy == pytest.approx(0.6, abs=1e-3)


async def test_an_offer_turned_out_well_if_it_was_ordered(
    client: LearningClient, tenant_id: UUID
) -> None:
    taken = Guest(tenant_id).is_served().is_offered("muffin").orders("latte", "muffin").rates(3)
    declined = Guest(tenant_id).is_offered("muffin").orders("latte")
    await client.happens(taken, declined)
    assert await client.outcomes(tenant_id) == [("rating", 0.5), ("order", 1.0), ("order", 0.0)]


@pytest.mark.parametrize("names_decision", [True, False])
async def test_a_stranger_who_names_what_a_guest_was_recommended_tells_nothing_of_it(
    client: LearningClient, tenant_id: UUID, names_decision: bool
) -> None:
    one = Guest(tenant_id).is_offered("muffin")
    if not names_decision:
        one = Guest(tenant_id, decision_id="").is_offered("muffin")
    stranger = Guest(
        tenant_id,
        decision_id=one.decision_id,
        session_id=one.session_id,
        recommendation_ids=one.recommendation_ids,
        principal_id="gst_2",
    )
    await client.happens(one, stranger.orders("muffin").rates(1).leaves())
    assert await client.outcomes(tenant_id) == [("", 0.0)]
    await client.happens(one.orders("muffin"))
    assert await client.outcomes(tenant_id) == [("order", 1.0)]


async def test_what_was_recommended_before_it_was_kept_to_whom_has_its_outcome(
    client: LearningClient, tenant_id: UUID, sees: Connection
) -> None:
    one = Guest(tenant_id).is_offered("muffin")
    await client.happens(one)
    await sees.execute(
        "UPDATE learning.recommendations SET principal_id = NULL WHERE tenant_id = $1", tenant_id
    )
    await client.happens(one.orders("muffin"))
    assert await client.outcomes(tenant_id) == [("order", 1.0)]


async def test_an_order_that_only_moved_on_tells_nothing(
    client: LearningClient, tenant_id: UUID
) -> None:
    await client.happens(Guest(tenant_id).is_served().orders("latte", status="accepted"))
    assert await client.outcomes(tenant_id) == [("", 0.0)]


async def test_a_cart_left_behind_turned_out_badly(client: LearningClient, tenant_id: UUID) -> None:
    await client.happens(Guest(tenant_id).is_served().is_answered().leaves())
    assert await client.outcomes(tenant_id) == [("session", 0.0), ("", 0.0)]
    assert (await client.trust(tenant_id)).reliability < 0.5


async def test_without_a_decision_it_is_the_session_that_is_told_of(
    client: LearningClient, tenant_id: UUID
) -> None:
    other = Guest(tenant_id, decision_id="").is_served()
    await client.happens(other, Guest(tenant_id, decision_id="").is_served().rates(5))
    assert await client.outcomes(tenant_id) == [("", 0.0), ("rating", 1.0)]


async def test_what_nothing_is_known_of_is_counted_and_passed(
    client: LearningClient, tenant_id: UUID
) -> None:
    labels = {"type": "maitred.feedback.v1", "reason": "unknown"}
    before = client.counted("learning_events_ignored_total", **labels)
    await client.happens(Guest(tenant_id).rates(5))
    assert client.counted("learning_events_ignored_total", **labels) == before + 1


async def test_an_event_told_twice_counts_once(client: LearningClient, tenant_id: UUID) -> None:
    guest = Guest(tenant_id).is_served().rates(5)
    again = list(guest.told)
    await client.happens(guest)
    guest.told.extend(again)
    await client.happens(guest)
    assert await client.outcomes(tenant_id) == [("rating", 1.0)]
    assert (await client.trust(tenant_id)).evidence == pytest.approx(1.0, abs=1e-3)


async def test_trust_is_a_replay_of_the_outcomes(
    client: LearningClient, sees: Connection, tenant_id: UUID
) -> None:
    guests = [
        Guest(tenant_id).is_served().is_offered("muffin").orders("latte", *bought).rates(stars)
        for stars, bought in [(1, ()), (5, ("muffin",)), (3, ()), (4, ("muffin",)), (2, ())]
    ]
    await client.happens(*guests, Guest(tenant_id).is_served().leaves())
    found = await kept(sees, tenant_id, "seller")
    expected = await replayed(sees, tenant_id, "seller")
    assert found.counts == expected.counts == (11, 11, 4)
    assert found.sums == pytest.approx(expected.sums, rel=1e-9)
    trust = await client.trust(tenant_id)
    assert trust.evidence == pytest.approx(expected.sums[0], rel=1e-9)
    assert trust.low < trust.overall < trust.high


async def test_trust_that_moved_is_told_to_everyone(
    client: LearningClient, tenant_id: UUID
) -> None:
    await client.happens(Guest(tenant_id).is_served().rates(5))
    trust = await client.trust(tenant_id)
    (change,) = trust.changes
    assert change.cause == "outcomes"
    assert change.overall == trust.overall

    async def told() -> bool:
        return bool(await client.streamed(tenant_id))

    await client.until(told)
    (event,) = await client.streamed(tenant_id)
    assert event == {
        "tenant_id": str(tenant_id),
        "agent_id": "seller",
        "overall": trust.overall,
        "low": trust.low,
        "high": trust.high,
        "boost": 0.0,
        "state": "active",
        "cause": "outcomes",
    }


async def test_recommendations_come_in_pages(client: LearningClient, tenant_id: UUID) -> None:
    guest = Guest(tenant_id)
    for _ in range(5):
        guest.is_served()
    await client.happens(guest)
    token, seen = "", []
    while True:
        page = await client.recommended.ListRecommendations(
            recommendation_service_pb2.ListRecommendationsRequest(
                agent_id="seller", page_size=2, page_token=token
            ),
            metadata=metadata(with_role(tenant_id, Role.STAFF)),
        )
        seen += [one.recommendation_id for one in page.recommendations]
        token = page.next_page_token
        if not token:
            break
    assert seen == guest.recommendation_ids[::-1]


async def test_tenants_know_nothing_of_each_other(client: LearningClient, tenant_id: UUID) -> None:
    await client.happens(Guest(tenant_id).is_served().rates(1))
    other = uuid4()
    assert await client.recommendations(other) == []
    await client.happens(Guest(other).is_served())
    assert (await client.trust(other)).evidence == 0.0
