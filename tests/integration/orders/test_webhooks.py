"""Webhooks from the event to the receiver: what it gets, and what becomes of what it answers."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio
from maitred.orders.v1 import webhook_pb2

from services.chassis.data.ids import from_id
from services.chassis.data.postgres import Connection
from tests.integration.orders.webhooking import ORDERS, House, Owner, has, webhooks
from tests.support.receiver import OK, Receiver, answer, receiving
from tests.support.servers import MigratedDatabase
from tests.support.services import eventually, guest

DELIVERED = webhook_pb2.WEBHOOK_DELIVERY_STATUS_DELIVERED
FAILED = webhook_pb2.WEBHOOK_DELIVERY_STATUS_FAILED
WAITING = webhook_pb2.WEBHOOK_DELIVERY_STATUS_WAITING
ENABLED = webhook_pb2.WEBHOOK_STATE_ENABLED
DISABLED = webhook_pb2.WEBHOOK_STATE_DISABLED

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(database: MigratedDatabase, redis_url: str) -> AsyncIterator[House]:
    # Attempts that are held must last until a test has done what it does meanwhile.
    async with webhooks(database, redis_url, webhook_timeout_s=3.0) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def owner(house: House) -> Owner:
    return await house.owner()


@pytest_asyncio.fixture(loop_scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as started:
        yield started


async def parked(sees: Connection, webhook_id: str) -> int:
    """Deliveries that wait for a place at an endpoint."""
    count: int = await sees.fetchval(
        "SELECT count(*) FROM orders.webhook_deliveries WHERE webhook_id = $1 AND is_parked",
        from_id("whk", webhook_id),
    )
    return count


async def test_an_order_reaches_every_endpoint_that_wants_it_once(
    owner: Owner, receiver: Receiver
) -> None:
    async with receiving() as other, receiving() as third:
        made = await owner.create(receiver.url, ORDERS)
        everything = await owner.create(other.url, "*")
        await owner.create(third.url, "maitred.session.*")
        order = await owner.orders.order(guest(owner.tenant_id))
        await has(receiver, 1)
        [message] = receiver.messages
        event = message.verified(made.secret)
        assert (event["type"], event["data"]["order_id"]) == (ORDERS, order.order_id)
        assert message.id == event["id"]

        async def has_copy() -> bool:
            return bool(other.of(message.id))

        await eventually(has_copy)
        [copy] = other.of(message.id)
        assert copy.body == message.body
        assert copy.verified(everything.secret) == event
        [delivery] = await owner.deliveries(made.webhook.webhook_id)
        done = await owner.settled(delivery)
        assert (done.status, done.event_id, done.event_type) == (DELIVERED, message.id, ORDERS)
        assert done.body.encode() == message.body
        [attempt] = done.attempts
        assert (attempt.number, attempt.status_code, attempt.error) == (1, 204, "")
        assert third.messages == []


async def test_the_event_on_the_webhook_is_the_one_in_the_log(
    owner: Owner, receiver: Receiver, sees: Connection
) -> None:
    await owner.create(receiver.url, ORDERS)
    await owner.orders.order(guest(owner.tenant_id))
    await has(receiver, 1)
    logged = "SELECT payload FROM events.log WHERE tenant_id = $1 AND type = $2"
    assert receiver.messages[0].body == await sees.fetchval(logged, owner.tenant_id, ORDERS)


async def test_while_secrets_overlap_both_verify(owner: Owner, receiver: Receiver) -> None:
    made = await owner.create(receiver.url)
    webhook_id = made.webhook.webhook_id
    rotated = await owner.call("RotateWebhookSecret", webhook_id=webhook_id)
    assert rotated.webhook.HasField("old_secret_expire_time")
    assert rotated.secret != made.secret
    await owner.settled(await owner.test(webhook_id))
    [message] = receiver.messages
    assert message.headers["webhook-signature"].count("v1,") == 2
    assert message.verified(made.secret) == message.verified(rotated.secret)
    last = await owner.call("RotateWebhookSecret", webhook_id=webhook_id, overlap_seconds=0)
    assert not last.webhook.HasField("old_secret_expire_time")
    await owner.settled(await owner.test(webhook_id))
    message = receiver.messages[-1]
    assert message.headers["webhook-signature"].count("v1,") == 1
    message.verified(last.secret)


async def test_an_old_secret_that_cannot_be_read_keeps_nothing_from_the_new_one(
    owner: Owner, receiver: Receiver, sees: Connection
) -> None:
    made = await owner.create(receiver.url)
    webhook_id = made.webhook.webhook_id
    forget = "UPDATE orders.webhooks SET {} = decode('00', 'hex') WHERE webhook_id = $1"
    await sees.execute(forget.format("secret"), from_id("whk", webhook_id))
    assert (await owner.settled(await owner.test(webhook_id))).status == FAILED
    rotated = await owner.call("RotateWebhookSecret", webhook_id=webhook_id)
    assert (await owner.settled(await owner.test(webhook_id))).status == DELIVERED
    receiver.messages[-1].verified(rotated.secret)


async def test_a_failure_is_tried_again_with_the_same_id_and_bytes(
    owner: Owner, receiver: Receiver
) -> None:
    receiver.say(answer("500 Oh", body=b"out of order"), OK)
    made = await owner.create(receiver.url)
    done = await owner.settled(await owner.test(made.webhook.webhook_id))
    assert done.status == DELIVERED
    assert [(a.status_code, a.error, a.response_body) for a in done.attempts] == [
        (500, "answered 500", "out of order"),
        (204, "", ""),
    ]
    first, second = receiver.messages
    assert (first.id, first.body) == (second.id, second.body)
    first.verified(made.secret)
    second.verified(made.secret)


@pytest.mark.parametrize(
    ("said", "status_code", "error"),
    [
        (answer("302 Found", "Location: http://127.0.0.1:1/"), 302, "answered 302"),
        (answer("404 Not Found"), 404, "answered 404"),
        (None, 0, "no answer within 3 s"),
    ],
    ids=["redirecting", "rejecting", "slow"],
)
async def test_what_is_no_success_is_given_up_at_the_schedules_end(
    owner: Owner, receiver: Receiver, said: bytes | None, status_code: int, error: str
) -> None:
    receiver.say(said)
    made = await owner.create(receiver.url)
    done = await owner.settled(await owner.test(made.webhook.webhook_id))
    assert (done.status, done.last_status_code) == (FAILED, status_code)
    assert [attempt.error for attempt in done.attempts] == [error] * 3
    assert len(receiver.messages) == 3
    webhook = await owner.get(made.webhook.webhook_id)
    assert (webhook.state, webhook.consecutive_failures) == (ENABLED, 3)


async def test_a_redirect_is_never_followed(owner: Owner, receiver: Receiver) -> None:
    async with receiving() as elsewhere:
        receiver.say(answer("307 Temporary Redirect", f"Location: {elsewhere.url}"))
        made = await owner.create(receiver.url)
        await owner.settled(await owner.test(made.webhook.webhook_id))
        assert elsewhere.messages == []


async def test_gone_disables_the_endpoint_until_it_is_enabled(
    owner: Owner, receiver: Receiver
) -> None:
    receiver.say(answer("410 Gone"), OK)
    made = await owner.create(receiver.url, ORDERS)
    webhook_id = made.webhook.webhook_id
    assert (await owner.settled(await owner.test(webhook_id))).status == FAILED

    async def is_disabled() -> bool:
        return (await owner.get(webhook_id)).state == DISABLED

    await eventually(is_disabled)
    webhook = await owner.get(webhook_id)
    assert webhook.disable_reason == webhook_pb2.WEBHOOK_DISABLE_REASON_GONE
    assert webhook.HasField("disable_time")
    async with receiving() as witness:
        await owner.create(witness.url, ORDERS)
        await owner.orders.order(guest(owner.tenant_id))
        await has(witness, 1)
    assert len(await owner.deliveries(webhook_id)) == 1
    enabled = (await owner.call("EnableWebhook", webhook_id=webhook_id)).webhook
    assert (enabled.state, enabled.consecutive_failures) == (ENABLED, 0)
    assert (await owner.settled(await owner.test(webhook_id))).status == DELIVERED


async def test_what_waits_when_an_endpoint_is_disabled_is_sent_when_it_is_enabled(
    owner: Owner, receiver: Receiver, sees: Connection
) -> None:
    made = await owner.create(receiver.url)
    webhook_id = made.webhook.webhook_id
    receiver.gate.clear()
    receiver.say(answer("503 Later", "Retry-After: 1"), OK)
    delivery = await owner.test(webhook_id)
    await has(receiver, 1)
    disabled = (await owner.call("DisableWebhook", webhook_id=webhook_id)).webhook
    assert disabled.disable_reason == webhook_pb2.WEBHOOK_DISABLE_REASON_OWNER
    receiver.gate.set()

    async def has_found_it_disabled() -> bool:
        return await parked(sees, webhook_id) == 1

    await eventually(has_found_it_disabled)
    assert (await owner.delivery(delivery)).status == WAITING
    assert len(receiver.messages) == 1
    await owner.call("EnableWebhook", webhook_id=webhook_id)
    assert (await owner.settled(delivery)).status == DELIVERED


async def test_a_receiver_that_asks_for_time_gets_it(owner: Owner, receiver: Receiver) -> None:
    receiver.say(answer("429 Slow Down", "Retry-After: 3600"))
    made = await owner.create(receiver.url)
    waiting = await owner.settled(await owner.test(made.webhook.webhook_id), WAITING)

    async def is_put_off() -> bool:
        return (await owner.delivery(waiting)).attempt_count == 1

    await eventually(is_put_off)
    waiting = await owner.settled(waiting, WAITING)
    began = waiting.attempts[0].start_time.ToDatetime()
    wait = waiting.next_attempt_time.ToDatetime() - began
    assert 3600 <= wait.total_seconds() < 3660


async def test_a_retry_by_hand_sends_the_same_bytes_under_the_same_id(
    owner: Owner, receiver: Receiver
) -> None:
    receiver.say(answer("500 Oh"))
    made = await owner.create(receiver.url)
    webhook_id = made.webhook.webhook_id
    given_up = await owner.settled(await owner.test(webhook_id))
    receiver.say(OK)
    call = {"webhook_id": webhook_id, "delivery_id": given_up.delivery_id}
    await owner.call("RetryWebhookDelivery", **call)
    done = await owner.settled(given_up, DELIVERED)
    assert done.attempt_count == 4
    await owner.call("RetryWebhookDelivery", **call)
    await has(receiver, 5)
    assert len({(message.id, message.body) for message in receiver.messages}) == 1
    receiver.messages[-1].verified(made.secret)


async def test_all_that_was_given_up_since_a_time_is_sent_again(
    owner: Owner, receiver: Receiver
) -> None:
    receiver.say(answer("500 Oh"))
    made = await owner.create(receiver.url)
    webhook_id = made.webhook.webhook_id
    given_up = [await owner.test(webhook_id) for _ in range(6)]
    for delivery in given_up:
        assert (await owner.settled(delivery)).status == FAILED
    since = await owner.settled(given_up[0])
    receiver.say(OK)
    receiver.messages.clear()
    answered = await owner.call(
        "RetryWebhookDeliveries", webhook_id=webhook_id, since_time=since.create_time
    )
    assert answered.retried_count == 6
    for delivery in given_up:
        assert (await owner.settled(delivery, DELIVERED)).status == DELIVERED
    assert {message.id for message in receiver.messages} == {one.event_id for one in given_up}
    nothing = await owner.call(
        "RetryWebhookDeliveries", webhook_id=webhook_id, since_time=since.create_time
    )
    assert nothing.retried_count == 0


async def test_the_breaker_opens_lets_one_through_and_closes(
    owner: Owner, receiver: Receiver, sees: Connection
) -> None:
    receiver.say(answer("500 Oh"))
    breaker = webhook_pb2.WebhookBreaker(failures_to_open=2, open_seconds=2)
    made = await owner.create(receiver.url, breaker=breaker)
    webhook_id = made.webhook.webhook_id
    first = await owner.test(webhook_id)

    async def is_open() -> bool:
        webhook = await owner.get(webhook_id)
        return webhook.breaker_state == webhook_pb2.WEBHOOK_BREAKER_STATE_OPEN

    await eventually(is_open)
    assert len(receiver.messages) == 2
    receiver.gate.clear()
    receiver.at_once = 0
    others = [await owner.test(webhook_id) for _ in range(5)]

    async def is_half_open() -> bool:
        # One of the six is being sent; the others' jobs have found no place.
        return receiver.at_once > 0 and await parked(sees, webhook_id) == 5

    await eventually(is_half_open)
    assert receiver.at_once == 1
    receiver.say(OK)
    receiver.gate.set()
    for delivery in (first, *others):
        await owner.settled(delivery)
    webhook = await owner.get(webhook_id)
    assert webhook.breaker_state == webhook_pb2.WEBHOOK_BREAKER_STATE_CLOSED
    assert webhook.consecutive_failures == 0


async def test_nobody_sends_a_tenants_test_twice_for_a_key(
    owner: Owner, receiver: Receiver
) -> None:
    made = await owner.create(receiver.url)
    key = uuid4().hex
    arguments = {"webhook_id": made.webhook.webhook_id, "request_id": key}
    first = await owner.call("SendTestEvent", **arguments)
    assert await owner.call("SendTestEvent", **arguments) == first
    await owner.settled(first.delivery)
    assert len(receiver.of(first.delivery.event_id)) == 1


async def test_attempts_and_breakers_are_measured(
    house: House, owner: Owner, receiver: Receiver
) -> None:
    series = {
        name: await house.measured(name)
        for name in (
            'maitred_webhook_attempts_total{outcome="delivered"}',
            'maitred_webhook_attempts_total{outcome="rejected"}',
            'maitred_breaker_failures_total{name="webhooks"}',
        )
    }
    timed = "maitred_webhook_duration_seconds_count"
    before = await house.measured(timed)
    receiver.say(answer("500 Oh"), answer("500 Oh"), OK)
    breaker = webhook_pb2.WebhookBreaker(failures_to_open=2, open_seconds=3)
    made = await owner.create(receiver.url, breaker=breaker)
    delivery = await owner.test(made.webhook.webhook_id)

    async def is_open() -> bool:
        return await house.measured('maitred_breaker_state{name="webhooks"}') == 2

    await eventually(is_open)
    assert (await owner.settled(delivery)).status == DELIVERED

    async def is_closed() -> bool:
        return await house.measured('maitred_breaker_state{name="webhooks"}') == 0

    await eventually(is_closed)
    assert [await house.measured(name) - was for name, was in series.items()] == [1, 2, 2]
    assert await house.measured(timed) - before == 3
    assert await house.measured(
        'maitred_breaker_response_seconds_count{name="webhooks"}'
    ) == await house.measured(timed)


async def test_what_has_lost_its_job_is_found_and_sent(
    owner: Owner, receiver: Receiver, sees: Connection
) -> None:
    receiver.say(answer("503 Later", "Retry-After: 3600"), OK)
    made = await owner.create(receiver.url)
    delivery = await owner.test(made.webhook.webhook_id)

    async def is_put_off() -> bool:
        now = await owner.delivery(delivery)
        return (now.status, now.attempt_count) == (WAITING, 1)

    await eventually(is_put_off)
    await sees.execute(
        "DELETE FROM jobs.procrastinate_jobs WHERE args ->> 'delivery_id' = $1::text",
        str(from_id("whd", delivery.delivery_id)),
    )
    await sees.execute(
        "UPDATE orders.webhook_deliveries SET next_attempt_time = now() - interval '6 minutes'"
        " WHERE delivery_id = $1",
        from_id("whd", delivery.delivery_id),
    )
    await sees.execute(
        "SELECT jobs.defer_v1('notifications', 'orders.sweep_webhooks', '{}', NULL, NULL, NULL, 0)"
    )
    assert (await owner.settled(delivery, DELIVERED)).attempt_count == 2
