"""`/ws` and `/ws/orders`: who is let in, what is subscribed to, how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from gateway.realtime.connections import CHECK_S
from gateway.realtime.subscriptions import MOST
from gateway.surfaces import websockets as surface
from services.chassis.run.http import MOST_MESSAGE_BYTES
from tests.integration.edge.serving import House, Tenant, order_coffee
from tests.support.sockets import Socket, socket

TICKET = "/api/v1/auth/ticket"
ORDER = "maitred.order.v1"


@asynccontextmanager
async def talking(
    served: House, client: httpx.AsyncClient, path: str = "/ws"
) -> AsyncIterator[Socket]:
    """A WebSocket of a client that was greeted."""
    async with socket(served.url, path, client.headers["authorization"]) as opened:
        assert (await opened.hear())["type"] == "hello"
        yield opened


async def ticket(client: httpx.AsyncClient) -> str:
    answer = await client.post(TICKET)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["ticket"])


def bearer(client: httpx.AsyncClient) -> str:
    return str(client.headers["authorization"]).removeprefix("Bearer ")


def ids(messages: list[Any]) -> list[str]:
    return [message["event"]["data"]["order_id"] for message in messages]


async def test_a_ticket_lets_in_once(served: House, guest: httpx.AsyncClient) -> None:
    path = f"/ws?ticket={await ticket(guest)}"
    async with socket(served.url, path) as opened:
        hello = await opened.hear()
    assert (hello["type"], hello["roles"]) == ("hello", ["guest"])
    assert hello["principal_id"].startswith("gst_")
    assert hello["expires_at"] is not None
    async with socket(served.url, path) as again:
        refused = await again.hear()
        assert (refused["type"], refused["error"]["reason"]) == ("error", "UNAUTHENTICATED")
        assert await again.end() == (4401, "UNAUTHENTICATED")


async def test_a_ticket_says_how_soon_it_must_be_used(guest: httpx.AsyncClient) -> None:
    answer = await guest.post(TICKET)
    asked, expires = answer.json()["ticket"], answer.json()["expires_at"]
    assert asked.startswith("tkt_")
    assert expires.endswith("Z")


@pytest.mark.parametrize("ticket", ["tkt_made_up", "x", "tkt_" + "a" * 500])
async def test_what_is_no_ticket_lets_nobody_in(served: House, ticket: str) -> None:
    async with socket(served.url, f"/ws?ticket={ticket}") as opened:
        assert await opened.end() == (4401, "UNAUTHENTICATED")


async def test_nobody_gets_no_ticket(nobody: httpx.AsyncClient) -> None:
    assert (await nobody.post(TICKET)).status_code == 401


async def test_the_first_message_lets_in(served: House, guest: httpx.AsyncClient) -> None:
    async with socket(served.url) as opened:
        await opened.say("auth", token=bearer(guest))
        assert (await opened.hear())["type"] == "hello"


@pytest.mark.parametrize(
    "first", [{"kind": "subscribe", "message_id": "1"}, {"kind": "auth", "token": "made up"}]
)
async def test_another_first_message_does_not(served: House, first: Any) -> None:
    async with socket(served.url) as opened:
        await opened.say(**first)
        assert await opened.end() == (4401, "UNAUTHENTICATED")


async def test_who_says_nothing_is_sent_away(
    served: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surface, "FIRST_MESSAGE_S", 0.05)
    async with socket(served.url) as opened:
        assert await opened.end() == (4401, "UNAUTHENTICATED")


async def test_a_cookie_lets_in_pages_of_ours_alone(served: House, tenant: Tenant) -> None:
    async with served.client() as browser:
        given = await browser.post("/api/v1/auth/guest", json={"tenant": tenant.slug})
        cookie = "; ".join(f"{name}={value}" for name, value in given.cookies.items())
    async with socket(served.url, cookie=cookie, origin=served.url) as ours:
        assert (await ours.hear())["type"] == "hello"
    async with socket(served.url, cookie=cookie, origin="https://evil.example") as theirs:
        refused = await theirs.hear()
        assert refused["error"]["reason"] == "ORIGIN_NOT_ALLOWED"
        assert await theirs.end() == (4403, "ORIGIN_NOT_ALLOWED")
    async with socket(served.url, cookie=cookie) as none:
        assert await none.end() == (4403, "ORIGIN_NOT_ALLOWED")


async def test_staff_see_every_event_and_guests_their_own(
    served: House, tenant: Tenant, guest: httpx.AsyncClient, staff: httpx.AsyncClient
) -> None:
    async with (
        served.guest(tenant) as other,
        talking(served, staff) as counter,
        talking(served, guest) as table,
        talking(served, other) as next_table,
    ):
        for opened in (counter, table, next_table):
            subscribed = await opened.subscribe("mine", types=[ORDER])
            assert (subscribed["type"], subscribed["id"]) == ("subscribed", "mine")
        first = (await order_coffee(guest))["order_id"]
        second = (await order_coffee(other))["order_id"]
        assert ids(await counter.take(2)) == [first, second]
        assert ids([event := await table.hear()]) == [first]
        assert ids([await next_table.hear()]) == [second]
    assert (event["type"], event["id"]) == ("event", "mine")
    assert event["event"]["type"] == ORDER
    assert event["event"]["specversion"] == "1.0"


async def test_an_event_is_the_bytes_its_producer_rendered(
    served: House, guest: httpx.AsyncClient
) -> None:
    async with talking(served, guest, "/ws/orders") as opened:
        await opened.hear()
        async with guest.stream("GET", "/api/v1/events", params={"types": ORDER}) as stream:
            await order_coffee(guest)
            data = ""
            async for line in stream.aiter_lines():
                if line.startswith("data: "):
                    data = line.removeprefix("data: ")
                    break
        message = str(await opened.connection.recv())
    assert message.endswith(f'"event":{data}}}')


async def test_staff_may_look_at_one_guest(
    served: House, tenant: Tenant, guest: httpx.AsyncClient, staff: httpx.AsyncClient
) -> None:
    async with served.guest(tenant) as other, talking(served, staff) as counter:
        async with talking(served, other) as table:
            theirs = (await table.subscribe("1"))["principal_id"]
        subscribed = await counter.subscribe("1", types=[ORDER], principal_id=theirs)
        assert subscribed["principal_id"] == theirs
        await order_coffee(guest)
        own = (await order_coffee(other))["order_id"]
        assert ids([await counter.hear()]) == [own]


async def test_a_guest_may_not_look_at_another(
    served: House, tenant: Tenant, guest: httpx.AsyncClient
) -> None:
    async with served.guest(tenant) as other:
        async with talking(served, other) as table:
            theirs = (await table.subscribe("1"))["principal_id"]
        async with talking(served, guest) as opened:
            refused = await opened.subscribe("1", principal_id=theirs)
            assert refused["error"]["reason"] == "SUBSCRIPTION_FORBIDDEN"
            assert await opened.end() == (4403, "SUBSCRIPTION_FORBIDDEN")


async def test_orders_are_subscribed_to_by_the_path(
    served: House, guest: httpx.AsyncClient, staff: httpx.AsyncClient
) -> None:
    async with talking(served, staff, "/ws/orders") as opened:
        subscribed = await opened.hear()
        assert (subscribed["type"], subscribed["id"]) == ("subscribed", "orders")
        assert subscribed["types"] == [ORDER]
        orders = [(await order_coffee(guest))["order_id"] for _ in range(3)]
        events = await opened.take(3)
        assert ids(events) == orders
    path = f"/ws/orders?cursor={events[0]['cursor']}"
    async with talking(served, staff, path) as resumed:
        await resumed.hear()
        assert ids(await resumed.take(2)) == orders[1:]
        refused = await resumed.subscribe("more", types=["maitred.trust.v1"])
        assert refused["error"]["reason"] == "SUBSCRIPTION_FORBIDDEN"
        assert (await resumed.end())[0] == 4403


async def test_a_subscription_resumes_without_gap_or_repeat(
    served: House, guest: httpx.AsyncClient, staff: httpx.AsyncClient
) -> None:
    async with talking(served, staff) as opened:
        await opened.subscribe("a", types=[ORDER])
        orders = [(await order_coffee(guest))["order_id"] for _ in range(4)]
        events = await opened.take(4)
    async with talking(served, staff) as resumed:
        for number, event in enumerate(events[:-1]):
            answered = await resumed.subscribe(str(number), types=[ORDER], cursor=event["cursor"])
            assert answered["cursor"] == event["cursor"]
            assert ids(await resumed.take(3 - number)) == orders[number + 1 :]
        placed = (await order_coffee(guest))["order_id"]
        live = await resumed.take(3)
    assert ids(live) == [placed] * 3
    assert {message["id"] for message in live} == {"0", "1", "2"}


async def test_who_unsubscribes_hears_no_more_and_knows_where_to_go_on(
    served: House, guest: httpx.AsyncClient
) -> None:
    async with talking(served, guest) as opened:
        await opened.subscribe("a", types=[ORDER])
        await order_coffee(guest)
        seen = await opened.hear()
        await opened.say("unsubscribe", "a")
        gone = await opened.hear()
        assert (gone["type"], gone["cursor"]) == ("unsubscribed", seen["cursor"])
        missed = (await order_coffee(guest))["order_id"]
        await opened.say("ping", "7")
        assert await opened.hear() == {"type": "pong", "id": "7"}
        await opened.subscribe("a", types=[ORDER], cursor=gone["cursor"])
        assert ids([await opened.hear()]) == [missed]


async def test_who_unsubscribes_before_it_begins_is_told_a_position_all_the_same(
    served: House, guest: httpx.AsyncClient
) -> None:
    for _ in range(8):
        async with talking(served, guest) as opened:
            await opened.say("subscribe", "a", types=[ORDER])
            await opened.say("unsubscribe", "a")
            gone = await opened.hear()
            while gone["type"] != "unsubscribed":
                gone = await opened.hear()
            begun = await opened.subscribe("a", types=[ORDER], cursor=gone["cursor"])
            assert (begun["type"], begun["cursor"]) == ("subscribed", gone["cursor"])


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("{", "MALFORMED_BODY"),
        ("[]", "MALFORMED_BODY"),
        ('{"type":"dance","id":"1"}', "MALFORMED_BODY"),
        ('{"type":"subscribe"}', "MALFORMED_BODY"),
        ('{"type":"subscribe","id":"1","types":["orders"]}', "MALFORMED_BODY"),
        ('{"type":"subscribe","id":"1","colour":"red"}', "MALFORMED_BODY"),
        ('{"type":"subscribe","id":"\\ud800"}', "MALFORMED_BODY"),
        ('{"type":"subscribe","id":"1","cursor":"zz"}', "CURSOR_INVALID"),
        ('{"type":"subscribe","id":"1","cursor":"99-1"}', "CURSOR_INVALID"),
        ('{"type":"unsubscribe","id":"1"}', "INVALID_FIELD"),
    ],
)
async def test_what_is_not_understood_is_told_and_ends_nothing(
    served: House, guest: httpx.AsyncClient, said: str, reason: str
) -> None:
    async with talking(served, guest) as opened:
        await opened.connection.send(said)
        told = await opened.hear()
        assert (told["type"], told["error"]["reason"]) == ("error", reason)
        assert told["id"] == ("1" if '"id":"1"' in said else "")
        await opened.say("ping", "1")
        assert (await opened.hear())["type"] == "pong"


async def test_subscriptions_are_bounded(served: House, guest: httpx.AsyncClient) -> None:
    async with talking(served, guest) as opened:
        for number in range(MOST):
            assert (await opened.subscribe(str(number)))["type"] == "subscribed"
        assert (await opened.subscribe("0"))["error"]["reason"] == "INVALID_FIELD"
        assert (await opened.subscribe("more"))["error"]["reason"] == "SUBSCRIPTION_LIMIT"


async def test_a_message_is_bounded(served: House, guest: httpx.AsyncClient) -> None:
    async with talking(served, guest) as opened:
        await opened.say("ping", "1" * MOST_MESSAGE_BYTES)
        assert (await opened.end())[0] == 1009
    async with talking(served, guest) as opened:
        await opened.connection.send(b"{}")
        assert await opened.end() == (1003, "NOT_TEXT")


async def test_who_talks_without_pause_is_sent_away(
    served: House, guest: httpx.AsyncClient
) -> None:
    async with talking(served, guest) as opened:
        for number in range(200):
            await opened.say("ping", str(number))
        assert await opened.end() == (1013, "RATE_LIMITED")


async def test_a_revoked_keys_websocket_ends_at_once(served: House, tenant: Tenant) -> None:
    async with served.client(tenant.manager_key) as manager:
        created = (
            await manager.post(
                "/api/v1/api-keys", json={"display_name": "till", "roles": ["ROLE_STAFF"]}
            )
        ).json()
        async with AsyncExitStack() as stack:
            till = await stack.enter_async_context(served.client(created["secret"]))
            by_key = await stack.enter_async_context(talking(served, till))
            path = f"/ws?ticket={await ticket(till)}"
            by_ticket = await stack.enter_async_context(socket(served.url, path))
            await by_ticket.hear()
            async with asyncio.timeout(CHECK_S / 2):
                key_id = created["api_key"]["api_key_id"]
                await manager.post(f"/api/v1/api-keys/{key_id}:revoke", json={})
                assert await by_key.end() == (4401, "UNAUTHENTICATED")
                assert await by_ticket.end() == (4401, "UNAUTHENTICATED")


async def test_another_path_has_no_websocket(served: House) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with socket(served.url, "/ws/kitchen"):
            pass
    assert refused.value.response.status_code == 404


async def test_a_request_that_is_no_handshake_is_told_so(nobody: httpx.AsyncClient) -> None:
    answer = await nobody.get("/ws")
    assert (answer.status_code, answer.json()["reason"]) == (426, "UPGRADE_REQUIRED")
    assert answer.headers["upgrade"] == "websocket"
