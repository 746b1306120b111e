"""Idempotent writes over HTTP, as the draft of the IETF describes them and Stripe does them.

What HTTP cannot show — one transaction for key, order and event; the sweep of expired keys — is
tested at the orders service itself.
"""

import asyncio
from uuid import uuid4

import httpx
import psycopg
import pytest

from services.assembly.demo.access import DemoTenant
from tests.support.evenings import Ledger
from tests.support.mesh import RunningMesh, paused
from tests.support.people import answered, client, place, quote, refused, session, until_found
from tests.support.people import guest as guest_of

ORDERS = "/api/v1/orders"
REPLAYED = "idempotent-replayed"


async def test_a_hundred_identical_requests_get_one_order_and_one_answer(
    mesh: RunningMesh, guest: httpx.AsyncClient, coffee_bar: DemoTenant, ledger: Ledger
) -> None:
    quote_id = await quote(guest)
    before, head = ledger.orders(coffee_bar.tenant_id), ledger.head(coffee_bar.tenant_id)
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(
        base_url=mesh.gateway_url, headers=guest.headers, limits=limits, timeout=60
    ) as many:
        answers = await asyncio.gather(*(insists(many, quote_id, "the-same") for _ in range(100)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert sorted(answer.headers.get(REPLAYED, "") for answer in answers) == ["", *["true"] * 99]
    placed = ledger.orders(coffee_bar.tenant_id).keys() - before.keys()
    assert placed == {answers[0].json()["order_id"]}
    await asyncio.to_thread(ledger.wait_until_logged)
    (event,) = ledger.events(coffee_bar.tenant_id, head)
    assert {event.order_id} == placed


async def test_a_key_with_another_body_is_unprocessable(guest: httpx.AsyncClient) -> None:
    key = uuid4().hex
    answered(await place(guest, await quote(guest), key))

    assert refused(await place(guest, await quote(guest), key)) == (422, "IDEMPOTENCY_KEY_REUSED")


async def test_an_order_without_a_key_is_refused(guest: httpx.AsyncClient) -> None:
    answer = await guest.post(ORDERS, json={"quote_id": await quote(guest)})

    assert answer.status_code == 400


@pytest.mark.parametrize("key", ["", '""', "k" * 256, '"open', "tab\tbed"])
async def test_a_key_that_is_none_is_refused(guest: httpx.AsyncClient, key: str) -> None:
    assert (await place(guest, await quote(guest), key)).status_code == 400


async def test_a_key_is_the_same_quoted_and_bare_and_up_to_255_long(
    guest: httpx.AsyncClient,
) -> None:
    key, quote_id = "k" * 255, await quote(guest)
    first = answered(await place(guest, quote_id, key))
    second = answered(await place(guest, quote_id, f'"{key}"'))

    assert second.content == first.content
    assert (REPLAYED in first.headers, second.headers[REPLAYED]) == (False, "true")


async def test_elsewhere_a_key_is_optional_and_holds_when_given(guest: httpx.AsyncClient) -> None:
    cart = {"cart": {"lines": [{"product_id": "latte", "quantity": 1}]}}
    headers = {"idempotency-key": uuid4().hex}
    for path, body in (("/api/v1/quotes", cart), ("/api/v1/sessions", {})):
        free = [answered(await guest.post(path, json=body)) for _ in range(2)]
        bound = [answered(await guest.post(path, json=body, headers=headers)) for _ in range(2)]

        assert free[0].content != free[1].content
        assert bound[0].content == bound[1].content
        assert REPLAYED not in bound[0].headers
        assert bound[1].headers[REPLAYED] == "true"


async def test_a_repeated_move_moves_once(
    guest: httpx.AsyncClient, staff: httpx.AsyncClient
) -> None:
    placed = answered(await place(guest, await quote(guest), uuid4().hex)).json()
    path, headers = f"{ORDERS}/{placed['order_id']}:transition", {"idempotency-key": uuid4().hex}
    move = {"status": "ORDER_STATUS_ACCEPTED"}
    moved = [answered(await staff.post(path, json=move, headers=headers)) for _ in range(2)]

    assert moved[0].json()["version"] == "2"
    assert moved[1].content == moved[0].content
    assert moved[1].headers[REPLAYED] == "true"


async def test_a_key_is_one_callers_for_one_call(
    mesh: RunningMesh, guest: httpx.AsyncClient, stranger: httpx.AsyncClient, pizzeria: DemoTenant
) -> None:
    key = uuid4().hex
    headers = {"idempotency-key": key}
    answered(await guest.post("/api/v1/sessions", json={}, headers=headers))
    ours = answered(await place(guest, await quote(guest), key))
    theirs = answered(await place(stranger, await quote(stranger), key))
    async with guest_of(mesh, pizzeria.slug) as elsewhere:
        far = answered(await place(elsewhere, await quote(elsewhere, "cola"), key))

    assert len({answer.json()["order_id"] for answer in (ours, theirs, far)}) == 3
    assert not any(REPLAYED in answer.headers for answer in (ours, theirs, far))


async def test_a_refusal_leaves_its_key_free(guest: httpx.AsyncClient) -> None:
    key = uuid4().hex
    unknown = await place(guest, f"quo_{uuid4().hex}", key)
    placed = answered(await place(guest, await quote(guest), key))

    assert refused(unknown) == (404, "QUOTE_NOT_FOUND")
    assert REPLAYED not in placed.headers


async def test_a_key_is_kept_for_a_day(
    mesh: RunningMesh, guest: httpx.AsyncClient, coffee_bar: DemoTenant
) -> None:
    key = uuid4().hex
    answered(await place(guest, await quote(guest), key))
    with psycopg.connect(mesh.record.database_url) as connection:
        (hours,) = connection.execute(
            "SELECT extract(epoch FROM expire_time - create_time) / 3600"
            " FROM orders.idempotency_keys WHERE tenant_id = %s AND key = %s",
            (coffee_bar.tenant_id, key),
        ).fetchall()

    assert hours == (24,)


async def test_who_waits_too_long_for_a_twin_is_told_when_to_come_back(
    mesh: RunningMesh, guest: httpx.AsyncClient, coffee_bar: DemoTenant
) -> None:
    key, quote_id = uuid4().hex, await quote(guest)
    with psycopg.connect(mesh.record.database_url) as twin:
        twin.execute(
            "INSERT INTO orders.idempotency_keys (tenant_id, principal_id, rpc, key, fingerprint,"
            " answer, create_time, expire_time) SELECT tenant_id, principal_id, 'PlaceOrder', %s,"
            " '', '', now(), now() + interval '1 day' FROM orders.quotes"
            " WHERE tenant_id = %s AND quote_id = %s::uuid",
            (key, coffee_bar.tenant_id, quote_id.removeprefix("quo_")),
        )
        told = await place(guest, quote_id, key)
        twin.rollback()
    placed = answered(await place(guest, quote_id, key))

    assert refused(told) == (409, "REQUEST_IN_PROGRESS")
    assert int(told.headers["retry-after"]) >= 1
    assert REPLAYED not in placed.headers


async def test_a_quote_is_ordered_once_under_any_key(guest: httpx.AsyncClient) -> None:
    quote_id = await quote(guest)
    answers = await asyncio.gather(*(insists(guest, quote_id, f"{n}") for n in range(20)))

    assert len({answered(answer).json()["order_id"] for answer in answers}) == 1
    assert sorted(answer.headers.get(REPLAYED, "") for answer in answers) == ["", *["true"] * 19]


async def test_staff_who_confirm_for_the_owner_get_the_owners_order(
    mesh: RunningMesh,
    guest: httpx.AsyncClient,
    stranger: httpx.AsyncClient,
    staff: httpx.AsyncClient,
    pizzeria: DemoTenant,
) -> None:
    quote_id = await quote(guest)
    ours = answered(await place(guest, quote_id, uuid4().hex))
    theirs = answered(await place(staff, quote_id, uuid4().hex))

    # Staff are told as well who placed it.
    [placed] = theirs.json()["history"]
    assert placed["actor_id"].startswith("gst_")
    placed["actor_id"] = ""
    assert theirs.json() | {"history": [placed]} == ours.json()
    assert theirs.headers[REPLAYED] == "true"
    async with client(mesh, pizzeria.staff_key) as elsewhere:
        for other in (stranger, elsewhere):
            assert refused(await place(other, quote_id, uuid4().hex)) == (404, "QUOTE_NOT_FOUND")


async def test_a_finished_message_is_answered_with_its_turn(guest: httpx.AsyncClient) -> None:
    path, headers = await messages(guest), {"idempotency-key": uuid4().hex}
    first, again = [
        answered(await guest.post(path, json={"text": "a latte"}, headers=headers)) for _ in "12"
    ]
    reused = await guest.post(path, json={"text": "a mocha"}, headers=headers)

    assert again.content == first.content
    assert again.headers[REPLAYED] == "true"
    assert refused(reused) == (422, "IDEMPOTENCY_KEY_REUSED")


async def test_a_running_message_is_to_be_waited_for(
    mesh: RunningMesh, guest: httpx.AsyncClient
) -> None:
    path, key = await messages(guest), uuid4().hex
    body, headers = {"text": "a latte"}, {"idempotency-key": key}
    # Orders sleeps, so the turn cannot end.
    with paused(mesh, "orders"):
        running = asyncio.create_task(guest.post(path, json=body, headers=headers))
        await until_found(guest, f"{path}/{key}")
        told = await guest.post(path, json=body, headers=headers)
    first = answered(await running)
    again = answered(await guest.post(path, json=body, headers=headers))

    assert told.status_code == 409
    assert int(told.headers["retry-after"]) >= 1
    assert again.content == first.content


async def test_a_message_of_a_dead_coordinator_is_taken_over(
    mesh: RunningMesh, guest: httpx.AsyncClient
) -> None:
    path, key = await messages(guest), uuid4().hex
    body, headers = {"text": "a latte"}, {"idempotency-key": key}
    with paused(mesh, "orders"):
        running = asyncio.create_task(guest.post(path, json=body, headers=headers))
        await until_found(guest, f"{path}/{key}")
        killed = mesh.kill("coordinator")
        dropped = await running
        await asyncio.to_thread(mesh.wait_until_back, killed)
    async with asyncio.timeout(60):
        while (answer := await guest.post(path, json=body, headers=headers)).status_code != 200:
            assert answer.status_code in {409, 503}
            await asyncio.sleep(float(answer.headers["retry-after"]))
    turns = answered(await guest.get(path)).json()["turns"]

    assert dropped.status_code in {409, 503}
    assert [line["product_id"] for line in answer.json()["cart"]["lines"]] == ["latte"]
    assert [turn["request_id"] for turn in turns] == [key]


async def insists(person: httpx.AsyncClient, quote_id: str, key: str) -> httpx.Response:
    """The answer to an order, once no twin of it is being placed any more."""
    while True:
        answer = await place(person, quote_id, key)
        if answer.status_code != 409:
            return answer
        await asyncio.sleep(float(answer.headers["retry-after"]))


async def messages(person: httpx.AsyncClient) -> str:
    """The path of a new conversation's messages."""
    return f"/api/v1/sessions/{await session(person)}/messages"
