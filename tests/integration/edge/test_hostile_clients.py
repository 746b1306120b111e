"""Clients that mean no good: what they send is refused, and costs nobody else anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import httpx
import pytest
import pytest_asyncio
import redis

from gateway.identity.model import Tenant as Named
from gateway.identity.tokens import AccessTokens
from gateway.realtime.connections import CHECK_S
from services.chassis.data.ids import from_id
from services.chassis.data.outbox import partition_of
from tests.integration.edge.serving import EventReader, House, Tenant, house, order_coffee
from tests.integration.edge.test_events import PATH, ids, watching
from tests.support.servers import MigratedDatabase
from tests.support.services import KEY
from tests.support.sockets import PATIENCE_S, socket

ORDER = "maitred.order.v1"
AT_ONCE = 20


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def other(database: MigratedDatabase, redis_url: str, served: House) -> AsyncIterator[House]:
    """Another gateway on the same database and Redis."""
    async with house(database, redis_url, relayed=False) as running:
        yield running


def position(tenant: Tenant, seq: str) -> str:
    return f"{partition_of(UUID(tenant.tenant_id))}-{seq}"


def short_token(tenant: Tenant, lifetime: timedelta) -> str:
    """A guest's token that ends soon, signed as the gateway signs."""
    tokens = AccessTokens(KEY.private_pem, lambda: datetime.now(UTC))
    named = Named(UUID(tenant.tenant_id), tenant.slug, "Café", 0, datetime.now(UTC))
    return tokens.issue(named, "gst_0123456789abcdef0123456789abcdef", lifetime)[0]


@pytest.mark.parametrize(
    "last_id",
    [b"a" * 10_000, b"1-" + b"9" * 10_000, "\uff13-\uff11".encode(), b"\xff", b"3-1 3-2", b"-1--1"],
    ids=["long", "long number", "other digits", "no text", "two", "negative"],
)
async def test_a_last_event_id_that_is_none_is_refused_in_few_words(
    staff: httpx.AsyncClient, last_id: bytes
) -> None:
    answer = await staff.get(PATH, headers=[(b"last-event-id", last_id)])
    assert (answer.status_code, answer.json()["reason"]) == (400, "CURSOR_INVALID")
    assert len(answer.content) < 1000


@pytest.mark.parametrize("last_id", [b"3-1\x00", b"3-1\rx: y", b"3-1\nx", b"3-1\n event: order"])
async def test_a_last_event_id_cannot_break_its_line(
    served: House, tenant: Tenant, last_id: bytes
) -> None:
    url = httpx.URL(served.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    head = f"GET {PATH} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {tenant.staff_key}\r\n"
    writer.write(head.encode() + b"last-event-id: " + last_id + b"\r\nconnection: close\r\n\r\n")
    async with asyncio.timeout(PATIENCE_S):
        answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 400 "), answer


@pytest.mark.parametrize("seq", ["-1", "1-1", "1e3", "9" * 19, "\uff11"])
async def test_a_websockets_position_that_is_none_is_refused(
    served: House, tenant: Tenant, guest: httpx.AsyncClient, seq: str
) -> None:
    async with socket(served.url, "/ws", guest.headers["authorization"]) as opened:
        await opened.hear()
        refused = await opened.subscribe("1", cursor=position(tenant, seq))
        assert (refused["id"], refused["error"]["reason"]) == ("1", "CURSOR_INVALID")
        assert (await opened.subscribe("1"))["type"] == "subscribed"


async def test_a_websockets_position_of_another_partition_is_refused(
    served: House, tenant: Tenant, guest: httpx.AsyncClient
) -> None:
    foreign = (partition_of(UUID(tenant.tenant_id)) + 1) % 16
    async with socket(served.url, "/ws", guest.headers["authorization"]) as opened:
        await opened.hear()
        for partition in (foreign, 16, 99):
            refused = await opened.subscribe("1", cursor=f"{partition}-1")
            assert refused["error"]["reason"] == "CURSOR_INVALID"


async def test_a_position_in_the_future_is_told_by_a_reset_and_misses_nothing(
    served: House, tenant: Tenant, guest: httpx.AsyncClient, staff: httpx.AsyncClient
) -> None:
    future = position(tenant, "9" * 18)
    async with (
        socket(served.url, "/ws", staff.headers["authorization"]) as opened,
        watching(staff, future) as stream,
    ):
        await opened.hear()
        await opened.subscribe("1", types=[ORDER], cursor=future)
        assert (await opened.hear())["type"] == "reset"
        assert [event.event for event in await stream.take(1)] == ["reset"]
        placed = (await order_coffee(guest))["order_id"]
        assert (await opened.hear())["event"]["data"]["order_id"] == placed
        assert ids(await stream.take(1)) == [placed]


async def test_a_ticket_shown_at_two_gateways_at_once_lets_in_once(
    served: House, other: House, guest: httpx.AsyncClient
) -> None:
    ticket = (await guest.post("/api/v1/auth/ticket")).json()["ticket"]

    async def show(url: str) -> str:
        async with socket(url, f"/ws?ticket={ticket}") as opened:
            return str((await opened.hear())["type"])

    told = await asyncio.gather(*(show(one.url) for one in (served, other) * (AT_ONCE // 2)))
    assert sorted(told) == ["error"] * (AT_ONCE - 1) + ["hello"]


async def test_what_ends_with_its_token(served: House, tenant: Tenant) -> None:
    token = short_token(tenant, timedelta(seconds=3))
    async with (
        served.client(token) as guest,
        socket(served.url, "/ws", f"Bearer {token}") as opened,
        guest.stream("GET", PATH) as stream,
    ):
        assert (await opened.hear())["type"] == "hello"
        assert await opened.end() == (4401, "UNAUTHENTICATED")
        async with asyncio.timeout(PATIENCE_S):
            assert [event async for event in EventReader(stream)] == []
        assert (await guest.get(PATH)).status_code == 401


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://{host}.evil.example",
        "http://evil.{host}",
        "http://{host}@evil.example",
        "http://{host}/",
        "http://{host}#",
        "http://localhost",
        "file://",
        "ws://{host}",
    ],
)
async def test_a_cookie_is_not_taken_from_a_page_that_looks_like_ours(
    served: House, tenant: Tenant, origin: str
) -> None:
    async with served.client() as browser:
        given = await browser.post("/api/v1/auth/guest", json={"tenant": tenant.slug})
    cookie = "; ".join(f"{name}={value}" for name, value in given.cookies.items())
    origin = origin.format(host=served.url.removeprefix("http://"))
    async with socket(served.url, cookie=cookie, origin=origin) as opened:
        assert await opened.end() == (4403, "ORIGIN_NOT_ALLOWED")


@pytest.mark.parametrize(
    "said",
    ['{"type":"ping","id":' + "[" * 3000, '{"type":"ping","id":"a","n":' + "9" * 4000 + "}"],
    ids=["deep", "large number"],
)
async def test_json_that_is_made_to_hurt_is_told_and_ends_nothing(
    served: House, guest: httpx.AsyncClient, said: str
) -> None:
    async with socket(served.url, "/ws", guest.headers["authorization"]) as opened:
        await opened.hear()
        await opened.connection.send(said)
        assert (await opened.hear())["error"]["reason"] == "MALFORMED_BODY"


async def test_subscriptions_that_come_and_go_leave_nothing_behind(
    served: House, guest: httpx.AsyncClient
) -> None:
    async with socket(served.url, "/ws", guest.headers["authorization"]) as opened:
        await opened.hear()
        for _ in range(AT_ONCE):
            await opened.say("subscribe", "1", types=[ORDER])
            await opened.say("unsubscribe", "1")
        said = [one["type"] for one in await opened.take(AT_ONCE)]
        while said.count("unsubscribed") < AT_ONCE:
            said.append((await opened.hear())["type"])
        assert (await opened.subscribe("1", types=[ORDER]))["type"] == "subscribed"
        placed = (await order_coffee(guest))["order_id"]
        assert (await opened.hear())["event"]["data"]["order_id"] == placed
        await opened.say("ping", "end")
        assert await opened.hear() == {"type": "pong", "id": "end"}


async def test_a_key_revoked_while_no_gateway_was_told_ends_once_they_listen_again(
    served: House, tenant: Tenant, database: MigratedDatabase, redis_url: str
) -> None:
    async with (
        asyncpg.create_pool(database.url, min_size=1, max_size=1) as pool,
        served.client(tenant.manager_key) as manager,
    ):
        body = {"display_name": "till", "roles": ["ROLE_STAFF"]}
        created = (await manager.post("/api/v1/api-keys", json=body)).json()
        async with socket(served.url, "/ws", f"Bearer {created['secret']}") as opened:
            await opened.hear()
            number = from_id("key", created["api_key"]["api_key_id"])
            revoke = "UPDATE identity.api_keys SET revoke_time = now() WHERE api_key_id = $1"
            assert await pool.execute(revoke, number) == "UPDATE 1"
            with redis.Redis.from_url(redis_url) as client:
                client.client_kill_filter(_type="pubsub")
            async with asyncio.timeout(CHECK_S / 3):
                assert await opened.end() == (4401, "UNAUTHENTICATED")
