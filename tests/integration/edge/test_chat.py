"""The chat over HTTP: streamed, whole, repeated."""

from __future__ import annotations

import asyncio
import time
from uuid import uuid4

import httpx
import jwt
import pytest
import pytest_asyncio

from gateway.config import GatewayConfig
from services.chassis.rpc.identity import MeshVerifier, Principal
from tests.integration.edge.serving import EventReader, House, ServerEvent, Tenant

STREAM = {"accept": "text/event-stream"}


@pytest_asyncio.fixture(loop_scope="module")
async def path(guest: httpx.AsyncClient) -> str:
    """Where the messages of a new conversation go."""
    session = (await guest.post("/api/v1/sessions", json={})).json()
    return f"/api/v1/sessions/{session['session_id']}/messages"


async def stream(client: httpx.AsyncClient, path: str, text: str) -> list[ServerEvent]:
    async with client.stream("POST", path, json={"text": text}, headers=STREAM) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"] == "text/event-stream"
        return [event async for event in EventReader(answer)]


async def test_an_answer_streams_as_it_is_made(guest: httpx.AsyncClient, path: str) -> None:
    events = await stream(guest, path, "a latte with oat milk and a croissant, please")
    names = [event.event for event in events]
    assert "token" in names
    assert "cart" in names
    assert names[-1] == "done"
    assert {event.id for event in events} == {""}
    text = "".join(event.data["text"] for event in events if event.event == "token")
    assert events[-1].data["turn"]["text"] == text
    lines = events[-1].data["turn"]["cart"]["lines"]
    assert [line["product_id"] for line in lines] == ["latte", "croissant"]


async def test_a_chat_ends_in_an_order(guest: httpx.AsyncClient, path: str) -> None:
    first = (await guest.post(path, json={"text": "a croissant please"})).json()
    assert first["order"] is None
    assert first["usage"]["total_tokens"]
    turn = (await guest.post(path, json={"text": "that is all, thanks"})).json()
    if turn["order"] is None:
        turn = (await guest.post(path, json={"text": "yes please"})).json()
    listed = (await guest.get("/api/v1/orders")).json()["orders"]
    assert [order["order_id"] for order in listed] == [turn["order"]["order_id"]]


async def test_a_repeated_key_answers_with_the_stored_turn(
    guest: httpx.AsyncClient, path: str
) -> None:
    message = {"text": "a flat white", "request_id": uuid4().hex}
    first = await guest.post(path, json=message)
    second = await guest.post(
        path, json={"text": "a flat white"}, headers={"idempotency-key": message["request_id"]}
    )
    assert second.json() == first.json()
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    async with guest.stream("POST", path, json=message, headers=STREAM) as streamed:
        assert streamed.headers["idempotent-replayed"] == "true"
        events = [event async for event in EventReader(streamed)]
    assert events[-1].data["turn"]["text"] == first.json()["text"]
    stored = await guest.get(f"{path}/{message['request_id']}")
    assert stored.json()["text"] == first.json()["text"]
    other = await guest.post(path, json={**message, "text": "something else"})
    assert (other.status_code, other.json()["reason"]) == (422, "IDEMPOTENCY_KEY_REUSED")


async def test_a_failure_before_the_answer_is_a_problem(
    served: House, tenant: Tenant, guest: httpx.AsyncClient, path: str
) -> None:
    async with served.guest(tenant) as stranger:
        answer = await stranger.post(path, json={"text": "hello"}, headers=STREAM)
    assert (answer.status_code, answer.json()["reason"]) == (404, "SESSION_NOT_FOUND")
    empty = await guest.post(path, json={"text": ""}, headers=STREAM)
    assert (empty.status_code, empty.json()["reason"]) == (400, "INVALID_FIELD")
    unknown = await guest.post(path, json={"txt": "hello"}, headers=STREAM)
    assert (unknown.status_code, unknown.json()["reason"]) == (400, "MALFORMED_BODY")


async def test_a_second_message_meanwhile_is_told_to_wait(
    guest: httpx.AsyncClient, path: str
) -> None:
    answers = await asyncio.gather(
        *(guest.post(path, json={"text": f"{count} lattes"}) for count in range(2, 8))
    )
    statuses = sorted(answer.status_code for answer in answers)
    assert set(statuses) <= {200, 409}
    assert statuses[0] == 200
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["reason"] == "SESSION_BUSY"
            assert int(answer.headers["retry-after"]) >= 1


async def test_a_client_that_leaves_loses_no_turn(guest: httpx.AsyncClient, path: str) -> None:
    key = uuid4().hex
    message = {"text": "two cappuccinos", "request_id": key}
    async with guest.stream("POST", path, json=message, headers=STREAM):
        pass
    async with asyncio.timeout(60):
        while True:
            answer = await guest.post(path, json=message)
            if answer.status_code != 409:
                break
            await asyncio.sleep(0.05)
    assert answer.status_code == 200
    assert answer.json()["cart"]["lines"][0]["quantity"] == 2


async def test_tokens_outlast_the_chat_they_are_minted_for(
    guest: httpx.AsyncClient, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives: list[float] = []
    verify = MeshVerifier.verify

    def seen(verifier: MeshVerifier, token: str) -> Principal:
        claims = jwt.decode(token, options={"verify_signature": False})
        lives.append(claims["exp"] - time.time())
        return verify(verifier, token)

    monkeypatch.setattr(MeshVerifier, "verify", seen)
    await guest.post(path, json={"text": "a flat white"})
    # The coordinator's, and that of orders, which it asks in the guest's name.
    assert len(lives) > 1
    assert min(lives) > GatewayConfig.model_fields["chat_timeout_s"].default
