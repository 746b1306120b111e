"""Webhooks as their owners keep them: where they lead, who sees them, what is kept of secrets."""

import base64
from collections.abc import AsyncIterator

import grpc
import pytest
import pytest_asyncio
from maitred.orders.v1 import webhook_pb2

from services.chassis.data.ids import from_id
from services.chassis.data.postgres import Connection, Queries
from services.chassis.rpc.identity import Role
from tests.integration.orders.webhooking import ORDERS, QUIET, House, Owner, webhooks
from tests.support.receiver import Receiver, receiving
from tests.support.servers import MigratedDatabase
from tests.support.services import failure, with_role

PUBLIC = "https://93.184.216.34/hooks"
FAILED = webhook_pb2.WEBHOOK_DELIVERY_STATUS_FAILED
LIMIT = 3

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(database: MigratedDatabase, redis_url: str) -> AsyncIterator[House]:
    async with webhooks(
        database, redis_url, webhook_allow_private=False, webhook_limit=LIMIT
    ) as running:
        # The service looks a public address up; the worker's names have changed since, so that
        # nothing leaves this machine.
        running.names.known["93.184.216.34"] = ["127.0.0.1"]
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def owner(house: House) -> Owner:
    return await house.owner()


@pytest_asyncio.fixture(loop_scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as started:
        yield started


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080/",
        "http://localhost:8080/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://2130706433/",
        "https://user@93.184.216.34/",
        "https://93.184.216.34:22/",
        "gopher://93.184.216.34/",
    ],
)
async def test_a_url_that_leads_inside_is_refused(owner: Owner, url: str) -> None:
    refused = await failure(owner.create(url))
    assert (refused.code, refused.reason) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "WEBHOOK_TARGET_REFUSED",
    )
    assert [problem.field for problem in refused.fields] == ["url"]
    webhook_id = (await owner.create(PUBLIC)).webhook.webhook_id
    changed = owner.call("UpdateWebhook", webhook_id=webhook_id, url=url)
    assert (await failure(changed)).reason == "WEBHOOK_TARGET_REFUSED"
    assert (await owner.get(webhook_id)).url == PUBLIC


@pytest.mark.parametrize("pattern", ["", "Maitred.order", "maitred.*.v1", "**", "maitred.", ".*"])
async def test_a_pattern_of_another_form_is_refused(owner: Owner, pattern: str) -> None:
    assert (await failure(owner.create(PUBLIC, pattern))).reason == "INVALID_FIELD"


async def test_a_type_that_no_event_has_is_refused_with_those_there_are(owner: Owner) -> None:
    refused = await failure(owner.create(PUBLIC, ORDERS, "maitred.ordr.v1"))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    [problem] = refused.fields
    assert problem.field == refused.metadata["field"] == "event_types[1]"
    assert "maitred.catalog.v1, maitred.feedback.v1, " in problem.description
    webhook_id = (await owner.create(PUBLIC, "maitred.*", "*")).webhook.webhook_id
    for event_type in ("maitred.order.v2", "maitred.order"):
        changed = owner.call("UpdateWebhook", webhook_id=webhook_id, event_types=[event_type])
        assert (await failure(changed)).reason == "INVALID_FIELD"
    assert list((await owner.get(webhook_id)).event_types) == ["maitred.*", "*"]


async def test_a_name_that_leads_to_a_private_address_later_is_not_called(
    owner: Owner, receiver: Receiver
) -> None:
    port = receiver.url.split(":")[2]
    webhook_id = (await owner.create(f"http://93.184.216.34:{port}")).webhook.webhook_id
    done = await owner.settled(await owner.test(webhook_id))
    assert done.status == FAILED
    assert {attempt.error for attempt in done.attempts} == {
        "the URL leads to an address that is not public"
    }
    assert receiver.messages == []


async def test_a_secret_is_told_to_whoever_repeats_the_key_and_kept_sealed(
    owner: Owner, sees: Connection
) -> None:
    made = await owner.create(PUBLIC, request_id="once")
    assert made.secret.startswith("whsec_")
    assert await owner.create(PUBLIC, request_id="once") == made
    (listed,) = (await owner.call("ListWebhooks")).webhooks
    assert made.secret not in str(listed)
    reused = await failure(owner.create(PUBLIC + "2", request_id="once"))
    assert reused.reason == "IDEMPOTENCY_KEY_REUSED"
    rotate = {"webhook_id": made.webhook.webhook_id, "request_id": "twice"}
    rotated = await owner.call("RotateWebhookSecret", **rotate)
    assert await owner.call("RotateWebhookSecret", **rotate) == rotated
    assert rotated.secret != made.secret
    secrets = [
        base64.b64decode(one.removeprefix("whsec_")) for one in (made.secret, rotated.secret)
    ]
    assert [len(secret) for secret in secrets] == [32, 32]
    rows = await sees.fetch("SELECT w::text AS kept FROM orders.webhooks AS w")
    keys = await sees.fetch("SELECT answer FROM orders.idempotency_keys")
    for secret in secrets:
        assert not any(secret.hex() in row["kept"] for row in rows)
        assert not any(base64.b64encode(secret) in row["answer"] for row in keys)


async def test_an_owner_changes_what_is_given_and_leaves_the_rest(owner: Owner) -> None:
    breaker = webhook_pb2.WebhookBreaker(failures_to_open=7, open_seconds=9)
    made = await owner.create(PUBLIC, ORDERS, description="till", breaker=breaker)
    webhook_id = made.webhook.webhook_id
    changed = (await owner.call("UpdateWebhook", webhook_id=webhook_id, event_types=["*"])).webhook
    assert list(changed.event_types) == ["*"]
    assert (changed.url, changed.description, changed.breaker) == (PUBLIC, "till", breaker)
    changed = (await owner.call("UpdateWebhook", webhook_id=webhook_id, description="")).webhook
    assert (changed.description, list(changed.event_types)) == ("", ["*"])
    assert await owner.get(webhook_id) == changed


async def test_a_tenant_has_so_many_webhooks_and_no_more(owner: Owner) -> None:
    made = [await owner.create(PUBLIC) for _ in range(LIMIT)]
    refused = await failure(owner.create(PUBLIC))
    assert (refused.code, refused.reason, refused.metadata["limit"]) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "WEBHOOK_LIMIT_REACHED",
        str(LIMIT),
    )
    page = await owner.call("ListWebhooks", page_size=2)
    rest = await owner.call("ListWebhooks", page_size=2, page_token=page.next_page_token)
    assert [*page.webhooks, *rest.webhooks] == [one.webhook for one in made]
    assert rest.next_page_token == ""
    await owner.call("DeleteWebhook", webhook_id=made[0].webhook.webhook_id)
    await owner.create(PUBLIC)


async def test_a_deleted_webhook_is_gone_with_what_waited(owner: Owner, sees: Connection) -> None:
    webhook_id = (await owner.create(PUBLIC)).webhook.webhook_id
    await owner.call("DeleteWebhook", webhook_id=webhook_id)
    for name in ("GetWebhook", "DeleteWebhook", "ListWebhookDeliveries", "SendTestEvent"):
        refused = await failure(owner.call(name, webhook_id=webhook_id))
        assert (refused.code, refused.reason) == (
            grpc.StatusCode.NOT_FOUND,
            "WEBHOOK_NOT_FOUND",
        )


async def test_another_tenants_webhooks_and_deliveries_do_not_exist(
    house: House, owner: Owner
) -> None:
    webhook_id = (await owner.create(PUBLIC)).webhook.webhook_id
    delivery = await owner.test(webhook_id)
    stranger = await house.owner()
    own = (await stranger.create(PUBLIC)).webhook.webhook_id
    for name, arguments in (
        ("GetWebhook", {}),
        ("UpdateWebhook", {"description": "mine"}),
        ("DeleteWebhook", {}),
        ("RotateWebhookSecret", {}),
        ("EnableWebhook", {}),
        ("DisableWebhook", {}),
        ("SendTestEvent", {}),
        ("ListWebhookDeliveries", {}),
        ("GetWebhookDelivery", {"delivery_id": delivery.delivery_id}),
        ("RetryWebhookDelivery", {"delivery_id": delivery.delivery_id}),
        ("RetryWebhookDeliveries", {"since_time": delivery.create_time}),
    ):
        refused = await failure(stranger.call(name, webhook_id=webhook_id, **arguments))
        assert refused.code == grpc.StatusCode.NOT_FOUND, name
    for name in ("GetWebhookDelivery", "RetryWebhookDelivery"):
        taken = stranger.call(name, webhook_id=own, delivery_id=delivery.delivery_id)
        assert (await failure(taken)).reason == "WEBHOOK_DELIVERY_NOT_FOUND"
    assert [one.webhook_id for one in (await stranger.call("ListWebhooks")).webhooks] == [own]
    assert await stranger.deliveries(own) == []


@pytest.mark.parametrize("role", [Role.GUEST, Role.STAFF, Role.SERVICE])
async def test_webhooks_are_for_those_who_manage(owner: Owner, role: Role) -> None:
    other = Owner(owner.orders, with_role(owner.tenant_id, role))
    assert (await failure(other.create(PUBLIC))).reason == "ROLE_REQUIRED"
    assert (await failure(other.call("ListWebhooks"))).reason == "ROLE_REQUIRED"


async def test_what_is_disabled_is_neither_tried_nor_retried(owner: Owner) -> None:
    webhook_id = (await owner.create(PUBLIC, QUIET)).webhook.webhook_id
    first = (await owner.call("DisableWebhook", webhook_id=webhook_id)).webhook
    again = (await owner.call("DisableWebhook", webhook_id=webhook_id)).webhook
    assert again.disable_time == first.disable_time
    refused = await failure(owner.call("SendTestEvent", webhook_id=webhook_id))
    assert (refused.code, refused.reason) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "WEBHOOK_DISABLED",
    )


async def test_deliveries_are_listed_newest_first_and_by_status(owner: Owner) -> None:
    webhook_id = (await owner.create("https://93.184.216.34:8443/x")).webhook.webhook_id
    sent = [await owner.test(webhook_id) for _ in range(3)]
    page = await owner.call("ListWebhookDeliveries", webhook_id=webhook_id, page_size=2)
    rest = await owner.call(
        "ListWebhookDeliveries",
        webhook_id=webhook_id,
        page_size=2,
        page_token=page.next_page_token,
    )
    listed = [one.delivery_id for one in (*page.deliveries, *rest.deliveries)]
    assert listed == [one.delivery_id for one in reversed(sent)]
    assert page.deliveries[0].body == ""
    for delivery in sent:
        await owner.settled(delivery)
    failed = await owner.deliveries(webhook_id, status=FAILED)
    assert [one.delivery_id for one in failed] == listed
    assert (
        await owner.deliveries(webhook_id, status=webhook_pb2.WEBHOOK_DELIVERY_STATUS_DELIVERED)
        == []
    )
    token = owner.call(
        "ListWebhookDeliveries",
        webhook_id=webhook_id,
        status=FAILED,
        page_token=page.next_page_token,
    )
    assert (await failure(token)).reason == "PAGE_TOKEN_INVALID"


async def test_the_next_of_many_that_wait_is_found_without_sorting_them(
    owner: Owner, sees: Connection
) -> None:
    wake = Queries.load("services.orders.webhooks").wake_deliveries
    made = await owner.create(PUBLIC)
    async with sees.transaction():
        # Of a handful of rows a scan would do.
        await sees.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        plan = await sees.fetch(
            f"EXPLAIN {wake}", owner.tenant_id, from_id("whk", made.webhook.webhook_id), 4
        )
    text = "\n".join(row[0] for row in plan)
    assert "webhook_deliveries_pending" in text
    assert "Sort" not in text, text
