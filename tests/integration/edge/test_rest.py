"""REST as the contracts annotate it, over a real mesh."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import httpx
import pytest

from tests.integration.edge.serving import House, Tenant, cart, order_coffee


async def test_a_guest_orders_what_they_were_quoted(guest: httpx.AsyncClient) -> None:
    quote = (await guest.post("/api/v1/quotes", json={"cart": cart("latte", 2)})).json()
    key = uuid4().hex
    placed = await guest.post(
        "/api/v1/orders",
        json={"quoteId": quote["quote_id"]},
        headers={"idempotency-key": f'"{key}"'},
    )
    assert placed.status_code == 200
    order = placed.json()
    assert order["status"] == "ORDER_STATUS_PLACED"
    assert order["total_minor"] == quote["total_minor"]
    assert isinstance(order["total_minor"], str)
    assert order["session_id"] == ""
    read = (await guest.get(f"/api/v1/orders/{order['order_id']}")).json()
    allowed = {"allowed_transitions": ["ORDER_STATUS_CANCELLED"]}
    assert read == order | allowed
    listed = (await guest.get("/api/v1/orders")).json()
    assert listed == {"orders": [order | allowed | {"history": []}], "next_page_token": ""}


async def test_a_replayed_key_returns_the_first_order(guest: httpx.AsyncClient) -> None:
    quote = (await guest.post("/api/v1/quotes", json={"cart": cart()})).json()
    request = {"json": {"quote_id": quote["quote_id"]}, "headers": {"idempotency-key": "again"}}
    first = await guest.post("/api/v1/orders", **request)  # type: ignore[arg-type]
    second = await guest.post("/api/v1/orders", **request)  # type: ignore[arg-type]
    assert (second.status_code, second.content) == (200, first.content)
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"


async def test_a_hundred_identical_requests_place_one_order(guest: httpx.AsyncClient) -> None:
    quote = (await guest.post("/api/v1/quotes", json={"cart": cart()})).json()
    key = uuid4().hex

    async def place() -> httpx.Response:
        while True:
            answer = await guest.post(
                "/api/v1/orders",
                json={"quote_id": quote["quote_id"]},
                headers={"idempotency-key": key},
            )
            if answer.status_code != 409:
                return answer
            await asyncio.sleep(float(answer.headers["retry-after"]) / 10)

    answers = await asyncio.gather(*(place() for _ in range(100)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert len((await guest.get("/api/v1/orders")).json()["orders"]) == 1


async def test_a_key_reused_for_another_body_is_unprocessable(guest: httpx.AsyncClient) -> None:
    quotes = [(await guest.post("/api/v1/quotes", json={"cart": cart()})).json() for _ in range(2)]
    answers = [
        await guest.post(
            "/api/v1/orders",
            json={"quote_id": quote["quote_id"]},
            headers={"idempotency-key": "reused"},
        )
        for quote in quotes
    ]
    assert [answer.status_code for answer in answers] == [200, 422]
    assert answers[1].json()["reason"] == "IDEMPOTENCY_KEY_REUSED"


@pytest.mark.parametrize("key", [None, "", '""', "x" * 256])
async def test_an_order_without_a_usable_key_is_refused(
    guest: httpx.AsyncClient, key: str | None
) -> None:
    headers = {} if key is None else {"idempotency-key": key}
    answer = await guest.post("/api/v1/orders", json={"quote_id": "quo_1"}, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


async def test_a_failure_is_a_problem_document(guest: httpx.AsyncClient) -> None:
    answer = await guest.get(
        f"/api/v1/orders/ord_{'0' * 32}", headers={"x-request-id": "req_of_mine"}
    )
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == "req_of_mine"
    assert answer.json() == {
        "type": "https://maitred.dev/problems/order-not-found",
        "title": "Order not found",
        "status": 404,
        "detail": answer.json()["detail"],
        "instance": "req_of_mine",
        "reason": "ORDER_NOT_FOUND",
        "metadata": {"order_id": f"ord_{'0' * 32}"},
    }


async def test_fields_that_break_rules_are_listed(guest: httpx.AsyncClient) -> None:
    answer = await guest.post(
        "/api/v1/quotes", json={"cart": {"lines": [{"product_id": "latte", "quantity": 100}]}}
    )
    assert answer.status_code == 400
    assert answer.json()["reason"] == "INVALID_FIELD"
    assert [error["field"] for error in answer.json()["errors"]] == ["cart.lines[0].quantity"]


async def test_a_choice_that_is_left_out_or_not_to_be_had_is_told_in_words(
    guest: httpx.AsyncClient,
) -> None:
    path = f"/api/v1/orders/ord_{'0' * 32}:transition"
    for body, said in [
        ({}, "is required"),
        ({"status": "ORDER_STATUS_PLACED"}, "is not possible here"),
    ]:
        (error,) = (await guest.post(path, json=body)).json()["errors"]
        assert (error["field"], error["description"]) == ("status", said)


@pytest.mark.parametrize(
    ("body", "field"),
    [(b'{"cart":{"colour":1}}', "cart.colour"), (b'{"cart":[]}', "cart"), (b"{", None)],
)
async def test_a_body_that_is_not_understood_is_malformed(
    guest: httpx.AsyncClient, body: bytes, field: str | None
) -> None:
    answer = await guest.post("/api/v1/quotes", content=body)
    assert answer.status_code == 400
    assert answer.json()["reason"] == "MALFORMED_BODY"
    assert [error["field"] for error in answer.json().get("errors", [])] == (
        [field] if field else []
    )


async def test_json_ends_its_line(guest: httpx.AsyncClient) -> None:
    for path in ("/api/v1/orders", "/api/v1/nothing", "/health"):
        answer = await guest.get(path)
        assert answer.content.endswith(b"}\n")
        assert int(answer.headers["content-length"]) == len(answer.content)


@pytest.mark.parametrize("name", ["colour", "page_size", "status"])
async def test_a_wrong_parameter_is_named_and_is_no_fault_of_the_body(
    guest: httpx.AsyncClient, name: str
) -> None:
    answer = await guest.get("/api/v1/orders", params={name: "red"})
    problem = answer.json()
    assert (answer.status_code, problem["reason"]) == (400, "INVALID_FIELD")
    assert [error["field"] for error in problem["errors"]] == [name]
    assert problem["title"] == "Invalid field"
    assert problem["detail"].startswith(f"A parameter is not understood: {name}: ")


async def test_an_unknown_path_and_a_wrong_method_are_told_apart(
    nobody: httpx.AsyncClient,
) -> None:
    missing = await nobody.get("/api/v1/nothing")
    assert (missing.status_code, missing.json()["reason"]) == (404, "ROUTE_NOT_FOUND")
    refused = await nobody.delete("/api/v1/orders")
    assert (refused.status_code, refused.json()["reason"]) == (405, "METHOD_NOT_ALLOWED")
    assert refused.headers["allow"] == "GET, POST"


async def test_a_body_beyond_the_limit_is_refused(guest: httpx.AsyncClient) -> None:
    async def chunks() -> object:
        for _ in range(20):
            yield b" " * 65_536

    for content in (b" " * 1_048_577, chunks()):
        answer = await guest.post("/api/v1/quotes", content=content)  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()["reason"]) == (413, "BODY_TOO_LARGE")


async def test_lists_are_paged_by_query(guest: httpx.AsyncClient) -> None:
    placed = [(await order_coffee(guest))["order_id"] for _ in range(3)]
    first = (await guest.get("/api/v1/orders", params={"pageSize": 2})).json()
    token = first["next_page_token"]
    second = (
        await guest.get("/api/v1/orders", params={"page_size": 2, "page_token": token})
    ).json()
    listed = [order["order_id"] for page in (first, second) for order in page["orders"]]
    assert listed == placed[::-1]
    other = await guest.get(
        "/api/v1/orders", params={"page_token": token, "status": "ORDER_STATUS_READY"}
    )
    assert (other.status_code, other.json()["reason"]) == (400, "PAGE_TOKEN_INVALID")
    negative = await guest.get("/api/v1/orders", params={"page_size": -1})
    assert (negative.status_code, negative.json()["reason"]) == (400, "INVALID_FIELD")


async def test_staff_move_orders_and_guests_do_not(
    guest: httpx.AsyncClient, staff: httpx.AsyncClient
) -> None:
    order = await order_coffee(guest)
    path = f"/api/v1/orders/{order['order_id']}:transition"
    move = {"status": "ORDER_STATUS_ACCEPTED", "version": order["version"]}
    refused = await guest.post(path, json=move)
    assert (refused.status_code, refused.json()["reason"]) == (403, "ROLE_REQUIRED")
    moved = await staff.post(path, json=move)
    assert moved.json()["status"] == "ORDER_STATUS_ACCEPTED"
    again = await staff.post(path, json={**move, "status": "ORDER_STATUS_PREPARING"})
    assert (again.status_code, again.json()["reason"]) == (409, "VERSION_MISMATCH")
    skipped = await staff.post(path, json={"status": "ORDER_STATUS_COMPLETED"})
    assert (skipped.status_code, skipped.json()["reason"]) == (409, "TRANSITION_NOT_ALLOWED")


async def test_another_guest_finds_nothing(
    served: House, tenant: Tenant, guest: httpx.AsyncClient
) -> None:
    order = await order_coffee(guest)
    quote = (await guest.post("/api/v1/quotes", json={"cart": cart()})).json()
    session = (await guest.post("/api/v1/sessions", json={})).json()
    stranger_sees = {
        f"/api/v1/orders/{order['order_id']}": "ORDER_NOT_FOUND",
        f"/api/v1/quotes/{quote['quote_id']}": "QUOTE_NOT_FOUND",
        f"/api/v1/sessions/{session['session_id']}": "SESSION_NOT_FOUND",
        f"/api/v1/sessions/{session['session_id']}/messages": "SESSION_NOT_FOUND",
    }
    other_tenant = await served.open_tenant()
    async with served.guest(tenant) as stranger, served.client(other_tenant.manager_key) as rival:
        for path, reason in stranger_sees.items():
            for client in (stranger, rival):
                answer = await client.get(path)
                assert (answer.status_code, answer.json()["reason"]) == (404, reason), path
        placed = await stranger.post(
            "/api/v1/orders",
            json={"quote_id": quote["quote_id"]},
            headers={"idempotency-key": "theirs"},
        )
        assert (placed.status_code, placed.json()["reason"]) == (404, "QUOTE_NOT_FOUND")
        assert (await stranger.get("/api/v1/orders")).json()["orders"] == []
        assert (await rival.get("/api/v1/orders")).json()["orders"] == []


async def test_products_are_searched_by_query(guest: httpx.AsyncClient) -> None:
    found = await guest.get("/api/v1/products:search", params={"query": "late", "limit": "3"})
    assert found.json()["matches"][0]["product"]["product_id"] == "latte"


async def test_head_answers_as_get_without_a_body(guest: httpx.AsyncClient) -> None:
    answer = await guest.head("/api/v1/orders")
    assert (answer.status_code, answer.content) == (200, b"")


async def test_health_is_public_and_minimal(nobody: httpx.AsyncClient) -> None:
    answer = await nobody.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
