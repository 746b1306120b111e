"""`GET /api/v1/events`: live, resumed, filtered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest
import redis

from gateway.openapi.surfaces import envelopes
from gateway.realtime.connections import CHECK_S
from services.chassis.data.outbox import partition_of
from services.chassis.data.streams import stream_key
from tests.integration.edge.serving import (
    EventReader,
    House,
    ServerEvent,
    Tenant,
    order_coffee,
)

PATH = "/api/v1/events"


@asynccontextmanager
async def watching(
    client: httpx.AsyncClient, after: str = "", **request: Any
) -> AsyncIterator[EventReader]:
    """The orders' events of a client from a position on, or from now."""
    headers = {"last-event-id": after} if after else {}
    params = {"types": "maitred.order.v1", **request.pop("params", {})}
    async with client.stream("GET", PATH, headers=headers, params=params, **request) as stream:
        assert stream.status_code == 200, await stream.aread()
        yield EventReader(stream)


def ids(events: list[ServerEvent]) -> list[Any]:
    return [event.data["data"]["order_id"] for event in events]


async def test_staff_see_an_order_as_it_is_placed_and_moved(
    guest: httpx.AsyncClient, staff: httpx.AsyncClient, tenant: Tenant
) -> None:
    async with watching(staff) as stream:
        order = await order_coffee(guest)
        await staff.post(
            f"/api/v1/orders/{order['order_id']}:transition",
            json={"status": "ORDER_STATUS_ACCEPTED"},
        )
        placed, accepted = await stream.take(2)
    assert (placed.event, placed.data["type"]) == ("order", "maitred.order.v1")
    assert placed.data["data"]["status"] == "placed"
    assert accepted.data["data"]["status"] == "accepted"
    assert placed.data["data"]["tenant_id"] == tenant.tenant_id
    assert placed.data["data"]["order_id"] == order["order_id"]
    assert placed.data.keys() == envelopes()["OrderEvent"]["properties"].keys()


async def test_a_stream_resumes_without_gap_or_repeat(
    guest: httpx.AsyncClient, staff: httpx.AsyncClient
) -> None:
    async with watching(staff) as stream:
        orders = [(await order_coffee(guest))["order_id"] for _ in range(4)]
        events = await stream.take(4)
    assert ids(events) == orders
    for index, event in enumerate(events[:-1]):
        rest = orders[index + 1 :]
        async with watching(staff, event.id) as stream:
            assert ids(await stream.take(len(rest))) == rest
        async with watching(staff, params={"cursor": event.id}) as stream:
            assert ids(await stream.take(len(rest))) == rest
            new = (await order_coffee(guest))["order_id"]
            orders.append(new)
            assert ids(await stream.take(1)) == [new]


async def test_a_stream_that_resumes_while_orders_come_in_misses_none(
    guest: httpx.AsyncClient, staff: httpx.AsyncClient
) -> None:
    async with watching(staff) as stream:
        first = (await order_coffee(guest))["order_id"]
        (seen,) = await stream.take(1)
    assert ids([seen]) == [first]
    placing = asyncio.gather(*(order_coffee(guest) for _ in range(20)))
    got: list[str] = []
    cursor = seen.id
    while len(got) < 20:
        async with watching(staff, cursor) as stream:
            for event in await stream.take(min(3, 20 - len(got))):
                got += ids([event])
                cursor = event.id
    placed = [order["order_id"] for order in await placing]
    assert sorted(got) == sorted(placed)


async def test_a_guest_sees_only_their_own(
    served: House, tenant: Tenant, guest: httpx.AsyncClient
) -> None:
    async with served.guest(tenant) as other, watching(other) as stream:
        await order_coffee(guest)
        own = (await order_coffee(other))["order_id"]
        (event,) = await stream.take(1)
        assert ids([event]) == [own]
        partition = event.id.partition("-")[0]
        async with watching(other, params={"cursor": f"{partition}-0"}) as replayed:
            assert ids(await replayed.take(1)) == [own]


async def test_other_tenants_see_nothing_of_it(served: House, guest: httpx.AsyncClient) -> None:
    rival = await served.open_tenant()
    async with (
        served.client(rival.staff_key) as staff,
        served.guest(rival) as theirs,
        watching(staff) as stream,
    ):
        await order_coffee(guest)
        own = (await order_coffee(theirs))["order_id"]
        assert ids(await stream.take(1)) == [own]


async def test_a_position_older_than_what_is_kept_is_told_by_a_reset(
    served: House, redis_url: str
) -> None:
    tenant = await served.open_tenant()
    async with served.guest(tenant) as guest, served.client(tenant.staff_key) as staff:
        async with watching(staff) as stream:
            await order_coffee(guest)
            (first,) = await stream.take(1)
            await order_coffee(guest)
            (second,) = await stream.take(1)
        key = stream_key(int(first.id.partition("-")[0]))
        with redis.Redis.from_url(redis_url) as client:
            client.xtrim(key, minid=f"{second.id.partition('-')[2]}-0", approximate=False)
        before = f"{first.id.partition('-')[0]}-{int(first.id.partition('-')[2]) - 1}"
        async with watching(staff, before) as stream:
            reset, after = await stream.take(2)
    assert reset.event == "reset"
    assert (after.event, after.id) == ("order", second.id)


async def test_a_position_of_a_log_that_is_no_more_is_told_by_a_reset(
    guest: httpx.AsyncClient, staff: httpx.AsyncClient
) -> None:
    async with watching(staff) as stream:
        await order_coffee(guest)
        (last,) = await stream.take(1)
        partition, _, seq = last.id.partition("-")
        async with watching(staff, f"{partition}-{int(seq) + 1000}") as ahead:
            (reset,) = await ahead.take(1)
            assert (reset.event, reset.id) == ("reset", last.id)
            placed = (await order_coffee(guest))["order_id"]
            assert ids(await ahead.take(1)) == ids(await stream.take(1)) == [placed]


@pytest.mark.parametrize("cursor", ["zz", "1", "99-1", "-1-1", "1-x"])
async def test_a_position_that_is_none_is_refused(staff: httpx.AsyncClient, cursor: str) -> None:
    answer = await staff.get(PATH, params={"cursor": cursor})
    assert (answer.status_code, answer.json()["reason"]) == (400, "CURSOR_INVALID")


async def test_a_position_of_another_tenant_is_refused(
    staff: httpx.AsyncClient, tenant: Tenant
) -> None:
    foreign = (partition_of(UUID(tenant.tenant_id)) + 1) % 16
    answer = await staff.get(PATH, params={"cursor": f"{foreign}-1"})
    assert (answer.status_code, answer.json()["reason"]) == (400, "CURSOR_INVALID")


async def test_types_that_were_not_asked_for_are_left_out(
    guest: httpx.AsyncClient, staff: httpx.AsyncClient
) -> None:
    async with (
        watching(staff) as orders,
        watching(staff, params={"types": ["maitred.trust.v1", "maitred.session.v1"]}) as others,
    ):
        placed = (await order_coffee(guest))["order_id"]
        assert ids(await orders.take(1)) == [placed]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await others.take(1)
    answer = await staff.get(PATH, params={"types": "orders"})
    assert (answer.status_code, answer.json()["reason"]) == (400, "INVALID_FIELD")


async def test_a_revoked_keys_stream_ends_at_once(served: House, tenant: Tenant) -> None:
    async with served.client(tenant.manager_key) as manager:
        created = (
            await manager.post(
                "/api/v1/api-keys", json={"display_name": "till", "roles": ["ROLE_STAFF"]}
            )
        ).json()
        async with served.client(created["secret"]) as till:
            async with watching(till) as stream, asyncio.timeout(CHECK_S / 2):
                key_id = created["api_key"]["api_key_id"]
                await manager.post(f"/api/v1/api-keys/{key_id}:revoke", json={})
                assert [event async for event in stream] == []
            assert (await till.get(PATH)).status_code == 401


async def test_nobody_gets_no_stream(nobody: httpx.AsyncClient) -> None:
    answer = await nobody.get(PATH)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
