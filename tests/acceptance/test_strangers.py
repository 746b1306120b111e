"""Tenants, and guests of one tenant, do not see each other: over HTTP, gRPC, SSE and SQL."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import grpc
import httpx
import psycopg
import pytest
import pytest_asyncio
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.json_format import ParseDict
from google.protobuf.message_factory import GetMessageClass
from maitred.coordinator.v1 import chat_service_pb2
from maitred.identity.v1 import access_pb2

from gateway.routes import CONTRACTS, PEERS
from services.assembly.demo.access import DemoTenant
from services.assembly.local import local_mesh_key
from services.assembly.migrations import service_urls
from services.chassis.rpc.identity import MeshSigner, Principal, Role
from tests.support.evenings import Ledger
from tests.support.mesh import RunningMesh
from tests.support.people import answered, decision, order, quote
from tests.support.people import guest as guest_of
from tests.support.sockets import socket
from tests.support.streams import Frame, frames

TEXT = "a latte, please"
# What guests own, by the names of the fields that hold its ids.
OWNED = {"session_id", "quote_id", "order_id", "decision_id"}
# Not for guests over HTTP, or with the id of a conversation as a mere label.
APART = {
    "/api/v1/decisions/{decision_id}:reward",
    "/api/v1/orders/{order_id}:recordPayment",
    "/api/v1/policies/{policy_id}:rank",
    "Rank",
}


@dataclass(frozen=True, slots=True)
class Belongings:
    """A guest and one of everything a guest may own."""

    owner: httpx.AsyncClient
    principal_id: str
    ids: Mapping[str, str]


@pytest_asyncio.fixture(loop_scope="module")
async def belongings(guest: httpx.AsyncClient) -> Belongings:
    order_id = await order(guest)
    (session_id, decision_id), request_id = await decision(guest), uuid4().hex
    said = {"text": TEXT, "request_id": request_id}
    answered(await guest.post(f"/api/v1/sessions/{session_id}/messages", json=said))
    placed = answered(await guest.get(f"/api/v1/orders/{order_id}")).json()
    return Belongings(
        guest,
        placed["principal_id"],
        {
            "order_id": order_id,
            "session_id": session_id,
            "request_id": request_id,
            "quote_id": await quote(guest),
            "decision_id": decision_id,
        },
    )


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of the OpenAPI document that takes the id of something a guest may own."""

    method: str
    path: str
    names: frozenset[str]
    takes: frozenset[str]

    async def call(self, caller: httpx.AsyncClient, ids: Mapping[str, str]) -> httpx.Response:
        path = re.sub(r"\{(\w+)\}", lambda match: ids[match[1]], self.path)
        filled: dict[str, Any] = {"text": TEXT, "status": "ORDER_STATUS_CANCELLED", "rating": 5} | {
            name: ids[name] for name in self.takes & OWNED
        }
        body = {name: filled[name] for name in self.takes & filled.keys()} if self.takes else None
        headers = {"idempotency-key": uuid4().hex} if self.method == "post" else {}
        return await caller.request(self.method, path, json=body, headers=headers)


def operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            content = described.get("requestBody", {}).get("content", {})
            schema = content.get("application/json", {}).get("schema", {})
            if "$ref" in schema:
                name = schema["$ref"].rpartition("/")[2]
                schema = document["components"]["schemas"][name]
            takes = frozenset(schema.get("properties", ())) - {"version"}
            # Whatever conversation an order names, it is only written down.
            takes -= {"session_id"} if path == "/api/v1/orders" else set()
            named = frozenset(
                one["name"] for one in described.get("parameters", ()) if one["in"] == "path"
            )
            if OWNED & (named | takes) and path not in APART:
                yield Operation(method, path, named, takes)


async def test_every_route_hides_what_is_somebody_elses(
    mesh: RunningMesh,
    belongings: Belongings,
    stranger: httpx.AsyncClient,
    rival: httpx.AsyncClient,
    pizzeria: DemoTenant,
) -> None:
    document = answered(await stranger.get("/openapi.json")).json()
    walked = list(operations(document))
    async with guest_of(mesh, pizzeria.slug) as far:
        for operation in walked:
            for other in (stranger, rival, far):
                answer = await operation.call(other, belongings.ids)
                reason = answer.json().get("reason", "")
                assert (answer.status_code, reason.partition("_")[2]) == (404, "NOT_FOUND"), (
                    operation,
                    answer.text,
                )
    for operation in walked:
        answered(await operation.call(belongings.owner, belongings.ids))
    assert {operation.path.removeprefix("/api/v1") for operation in walked} == {
        "/decisions/{decision_id}",
        "/feedback/stats/{session_id}",
        "/feedback/submit",
        "/orders",
        "/orders/{order_id}",
        "/orders/{order_id}:transition",
        "/quotes/{quote_id}",
        "/sessions/{session_id}",
        "/sessions/{session_id}/messages",
        "/sessions/{session_id}/messages/{request_id}",
    }


async def test_no_list_shows_what_is_somebody_elses(
    belongings: Belongings,
    stranger: httpx.AsyncClient,
    rival: httpx.AsyncClient,
    staff: httpx.AsyncClient,
) -> None:
    own = await order(stranger)
    ids = belongings.ids

    assert await listed(stranger) == {own}
    assert ids["order_id"] in await listed(belongings.owner)
    assert {own, ids["order_id"]} <= await listed(staff)
    assert not {own, ids["order_id"]} & await listed(rival)
    for other in (stranger, rival):
        assert await listed(other, session_id=ids["session_id"]) == set()


async def listed(caller: httpx.AsyncClient, **query: str) -> set[str]:
    """Ids of all orders a caller may see."""
    found: set[str] = set()
    token = ""
    while True:
        params = {"page_size": "200", "page_token": token, **query}
        page = answered(await caller.get("/api/v1/orders", params=params)).json()
        found |= {one["order_id"] for one in page["orders"]}
        token = page.get("next_page_token", "")
        if not token:
            return found


def guest_methods() -> list[MethodDescriptor]:
    """Methods open to guests that take the id of something a guest may own."""
    files = (*CONTRACTS, chat_service_pb2.DESCRIPTOR)
    return [
        method
        for file in files
        for service in file.services_by_name.values()
        for method in service.methods
        if access_pb2.ROLE_GUEST in method.GetOptions().Extensions[access_pb2.access].roles
        and OWNED.intersection(method.input_type.fields_by_name)
        and method.name not in APART
    ]


async def call(
    mesh: RunningMesh, principal: Principal, method: MethodDescriptor, ids: Mapping[str, str]
) -> Any:
    """Calls a method by gRPC as a principal; the first message of its answer."""
    fields = set(method.input_type.fields_by_name)
    values: dict[str, Any] = {**ids, "text": TEXT, "status": "ORDER_STATUS_CANCELLED", "rating": 5}
    if method.name == "PlaceOrder":
        del values["session_id"]
    if method.name == "ListOrders":
        del values["status"]
    request = ParseDict(
        {name: value for name, value in values.items() if name in fields},
        GetMessageClass(method.input_type)(),
    )
    key = local_mesh_key(mesh.home)
    token = MeshSigner(key.private_pem, key.kid).mint(principal)
    peer = PEERS[method.containing_service.file.package]
    path = f"/{method.containing_service.full_name}/{method.name}"
    async with grpc.aio.insecure_channel(mesh.address(peer, "grpc")) as channel:
        kind: Any = channel.unary_stream if method.server_streaming else channel.unary_unary
        calling = kind(
            path,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )(request, metadata=[("authorization", f"Bearer {token}")], timeout=20)
        if method.server_streaming:
            return [message async for message in calling][-1]
        return await calling


@pytest.mark.parametrize("method", guest_methods(), ids=lambda method: str(method.name))
async def test_every_method_hides_what_is_somebody_elses(
    mesh: RunningMesh,
    belongings: Belongings,
    coffee_bar: DemoTenant,
    pizzeria: DemoTenant,
    method: MethodDescriptor,
) -> None:
    ours, theirs = UUID(coffee_bar.tenant_id), UUID(pizzeria.tenant_id)
    owner = Principal(ours, belongings.principal_id, frozenset({Role.GUEST}))
    others = [
        Principal(ours, f"gst_{uuid4().hex}", frozenset({Role.GUEST})),
        Principal(theirs, belongings.principal_id, frozenset({Role.GUEST})),
        Principal(theirs, f"key_{uuid4().hex}", frozenset({Role.STAFF, Role.MANAGER})),
    ]
    for other in others:
        if method.name == "ListOrders":
            assert not (await call(mesh, other, method, belongings.ids)).orders
            continue
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(mesh, other, method, belongings.ids)
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    assert await call(mesh, owner, method, belongings.ids)


@pytest.mark.parametrize("replayed", [False, True], ids=["live", "replayed"])
async def test_streams_show_guests_their_own_and_staff_their_tenants_events(
    mesh: RunningMesh,
    guest: httpx.AsyncClient,
    stranger: httpx.AsyncClient,
    staff: httpx.AsyncClient,
    rival: httpx.AsyncClient,
    coffee_bar: DemoTenant,
    pizzeria: DemoTenant,
    ledger: Ledger,
    replayed: bool,
) -> None:
    head = {
        one.slug: ledger.head(one.tenant_id) if replayed else "" for one in (coffee_bar, pizzeria)
    }
    async with AsyncExitStack() as stack:
        far = await stack.enter_async_context(guest_of(mesh, pizzeria.slug))
        placed: list[tuple[httpx.AsyncClient, str]] = []

        async def everyone_orders() -> None:
            for person, product_id in ((guest, "latte"), (stranger, "tea"), (far, "cola")) * 2:
                placed.append((person, await order(person, product_id)))

        if replayed:
            await everyone_orders()
        streams = {
            who: await stack.enter_async_context(events(who, head[tenant.slug]))
            for tenant, whom in ((coffee_bar, (guest, stranger, staff)), (pizzeria, (far, rival)))
            for who in whom
        }
        if not replayed:
            await everyone_orders()
        for who, stream in streams.items():
            seen = {staff: {guest, stranger}, rival: {far}}.get(who, {who})
            own = [order_id for person, order_id in placed if person in seen]
            assert [await next_order(stream) for _ in own] == own


async def test_websockets_show_guests_their_own_and_staff_their_tenants_events(
    mesh: RunningMesh,
    guest: httpx.AsyncClient,
    stranger: httpx.AsyncClient,
    staff: httpx.AsyncClient,
    rival: httpx.AsyncClient,
) -> None:
    async with AsyncExitStack() as stack:
        opened = {}
        for who in (guest, stranger, staff, rival):
            credential = who.headers["authorization"]
            opened[who] = await stack.enter_async_context(
                socket(mesh.gateway_url, "/ws/orders", credential)
            )
            assert [one["type"] for one in await opened[who].take(2)] == ["hello", "subscribed"]
        placed = [(who, await order(who)) for who in (guest, stranger) * 2]
        for who, seen in ((guest, {guest}), (stranger, {stranger}), (staff, {guest, stranger})):
            own = [order_id for person, order_id in placed if person in seen]
            heard = await opened[who].take(len(own))
            assert [one["event"]["data"]["order_id"] for one in heard] == own
        for who, one in opened.items():
            await one.say("ping", "last")
            assert await one.hear() == {"type": "pong", "id": "last"}, who


@asynccontextmanager
async def events(who: httpx.AsyncClient, cursor: str) -> AsyncIterator[AsyncIterator[Frame]]:
    """The event stream of somebody, which has begun."""
    headers = {"last-event-id": cursor} if cursor else {}
    async with who.stream("GET", "/api/v1/events", headers=headers) as response:
        stream = frames(response)
        while not (await anext(stream)).value("id"):
            pass
        yield stream


async def next_order(stream: AsyncIterator[Frame]) -> str:
    """The order that the next event is about."""
    while (frame := await anext(stream)).value("event") != "order":
        assert frame.names == [""]
    return str(frame.data["data"]["order_id"])


async def test_the_database_shows_a_service_nothing_of_another_tenant(
    mesh: RunningMesh, belongings: Belongings, coffee_bar: DemoTenant, pizzeria: DemoTenant
) -> None:
    orders_url = service_urls(mesh.record.database_url, mesh.home)["orders"]
    order_id = belongings.ids["order_id"].removeprefix("ord_")
    found = {}
    for tenant in (coffee_bar.tenant_id, pizzeria.tenant_id, ""):
        with psycopg.connect(orders_url) as connection:
            connection.execute("SELECT set_config('maitred.tenant', %s, true)", (tenant,))
            found[tenant] = connection.execute(
                "SELECT 1 FROM orders.orders WHERE order_id = %s::uuid", (order_id,)
            ).fetchall()

    assert found == {coffee_bar.tenant_id: [(1,)], pizzeria.tenant_id: [], "": []}
