"""Credentials that do not hold: an address may show so many, and shuts nobody else out by it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import httpx
import pytest_asyncio
import redis

from gateway.identity.model import SECRET_BYTES, write_key
from tests.integration.edge.serving import House, Tenant, house
from tests.support.servers import MigratedDatabase
from tests.support.services import eventually
from tests.support.sockets import socket

FEW = 5
ORDERS = "/api/v1/orders"
SESSION = "/api/v1/auth/session"
UNKNOWN, LIMITED = (4401, "UNAUTHENTICATED"), (1013, "RATE_LIMITED")
ONE_TOO_MANY = [UNKNOWN] * FEW + [LIMITED]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(database: MigratedDatabase, redis_url: str) -> AsyncIterator[House]:
    """A gateway that lets an address fail a few times an hour."""
    limit = f"{FEW}/hour"
    async with house(database, redis_url, failed_credentials_rate_limit=limit) as running:
        yield running


def made_up(tenant: Tenant) -> str:
    """A key of the right form that nobody gave out."""
    return write_key(UUID(tenant.tenant_id), uuid4(), bytes(SECRET_BYTES)).text


async def shows(served: House, address: str, credential: str, method: str = "GET") -> int:
    """How a request with a credential is answered."""
    async with served.client(credential, address=address) as client:
        return (await client.request(method, ORDERS if method == "GET" else SESSION)).status_code


async def new_key(served: House, tenant: Tenant) -> str:
    async with served.client(tenant.manager_key) as manager:
        body = {"display_name": "till", "roles": ["ROLE_STAFF"]}
        return str((await manager.post("/api/v1/api-keys", json=body)).json()["secret"])


def listeners(redis_url: str) -> set[str]:
    """The numbers of the connections that listen for what others tell."""
    with redis.Redis.from_url(redis_url) as client:
        return {one["id"] for one in client.client_list(_type="pubsub") if one["sub"] != "0"}


def token(guest: httpx.AsyncClient) -> str:
    return str(guest.headers["authorization"]).removeprefix("Bearer ")


async def test_keys_that_do_not_hold_are_limited_by_address(served: House, tenant: Tenant) -> None:
    address = "127.0.1.1"
    refused = [await shows(served, address, made_up(tenant)) for _ in range(FEW + 2)]
    assert refused == [401] * FEW + [429] * 2
    assert await shows(served, address, made_up(tenant), "POST") == 429
    async with served.client(made_up(tenant), address=address) as client:
        answer = await client.get(ORDERS)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["reason"] == "RATE_LIMITED"
    assert answer.json()["metadata"]["limit"] == f"{FEW}/hour"
    assert int(answer.headers["retry-after"]) > 0
    assert await shows(served, "127.0.1.2", made_up(tenant)) == 401


async def test_who_guesses_shuts_nobody_out(
    served: House, tenant: Tenant, guest: httpx.AsyncClient
) -> None:
    address = "127.0.2.1"
    for _ in range(FEW + 1):
        await shows(served, address, made_up(tenant))
    key = await new_key(served, tenant)
    assert await shows(served, address, key) == 429, "looked for in the database"
    assert await shows(served, "127.0.2.2", key) == 200
    assert await shows(served, address, key) == 200
    assert await shows(served, address, key, "POST") == 200
    assert await shows(served, address, token(guest)) == 200
    assert await shows(served, address, tenant.manager_key) == 200


async def test_a_secret_is_not_tried_out_on_a_key_that_is_known(
    served: House, tenant: Tenant
) -> None:
    address, key = "127.0.2.3", await new_key(served, tenant)
    assert await shows(served, address, key) == 200
    forged = key[:-4] + "AAAA"
    refused = [await shows(served, address, forged) for _ in range(FEW + 1)]
    assert refused == [401] * FEW + [429]
    assert await shows(served, address, key) == 200


async def test_keys_that_held_once_are_no_guesses(served: House, tenant: Tenant) -> None:
    address, body = "127.0.2.4", {"display_name": "till", "roles": ["ROLE_STAFF"]}
    async with served.client(tenant.manager_key) as manager:
        old = (await manager.post("/api/v1/api-keys", json=body)).json()
        assert await shows(served, address, old["secret"]) == 200
        number = old["api_key"]["api_key_id"]
        await manager.post(f"/api/v1/api-keys/{number}:revoke", json={})
    refused = [await shows(served, address, old["secret"]) for _ in range(FEW + 2)]
    assert refused == [401] * (FEW + 2)
    assert await shows(served, address, await new_key(served, tenant)) == 200


async def test_who_was_known_before_news_were_missed_is_not_shut_out(
    served: House, tenant: Tenant, redis_url: str
) -> None:
    address = "127.0.2.5"
    key = await new_key(served, tenant)
    assert await shows(served, address, key) == 200
    for _ in range(FEW + 1):
        await shows(served, address, made_up(tenant))
    before = listeners(redis_url)
    with redis.Redis.from_url(redis_url) as client:
        client.client_kill_filter(_type="pubsub")

    async def listens_again() -> bool:
        return len(listeners(redis_url) - before) == len(before)

    await eventually(listens_again)
    assert await shows(served, address, key) == 200


async def test_no_credential_is_no_failed_one(served: House, tenant: Tenant) -> None:
    address = "127.0.3.1"
    assert {await shows(served, address, "") for _ in range(FEW + 2)} == {401}
    assert await shows(served, address, made_up(tenant)) == 401


async def test_tickets_that_do_not_hold_are_limited_by_address(
    served: House, guest: httpx.AsyncClient
) -> None:
    address, ends = "127.0.4.1", []
    for number in range(FEW + 1):
        async with socket(served.url, f"/ws?ticket=tkt_{number}", address=address) as opened:
            ends.append(await opened.end())
    assert ends == ONE_TOO_MANY
    ticket = (await guest.post("/api/v1/auth/ticket")).json()["ticket"]
    async with socket(served.url, f"/ws?ticket={ticket}", address=address) as opened:
        assert (await opened.hear())["type"] == "hello"


async def test_first_messages_that_do_not_hold_are_limited_by_address(
    served: House, guest: httpx.AsyncClient
) -> None:
    address, ends = "127.0.5.1", []
    firsts = [("auth", {"token": "made up"}), ("subscribe", {"message_id": "1"})]
    for number in range(FEW + 1):
        kind, fields = firsts[number % 2]
        async with socket(served.url, address=address) as opened:
            await opened.say(kind, **fields)
            ends.append(await opened.end())
    assert ends == ONE_TOO_MANY
    async with socket(served.url, address=address) as opened:
        await opened.say("auth", token=token(guest))
        assert (await opened.hear())["type"] == "hello"


async def test_a_later_credential_that_does_not_hold_counts_too(
    served: House, guest: httpx.AsyncClient
) -> None:
    address, ends = "127.0.6.1", []
    for _ in range(FEW):
        async with socket(served.url, credential=f"Bearer {token(guest)}", address=address) as one:
            await one.hear()
            await one.say("auth", "2", token="made up")
            ends.append(await one.end())
    assert ends == [UNKNOWN] * FEW
    async with socket(served.url, "/ws?ticket=tkt_1", address=address) as opened:
        assert await opened.end() == LIMITED
