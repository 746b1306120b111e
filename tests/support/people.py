"""People at a demo tenant of a mesh, over HTTP as anyone would be; nothing is tried twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from uuid import uuid4

import httpx

from tests.support.mesh import RunningMesh


@asynccontextmanager
async def client(mesh: RunningMesh, credential: str = "") -> AsyncIterator[httpx.AsyncClient]:
    """A client with this bearer credential, or none."""
    headers = {"authorization": f"Bearer {credential}"} if credential else {}
    async with httpx.AsyncClient(base_url=mesh.gateway_url, headers=headers, timeout=30) as ours:
        yield ours


@asynccontextmanager
async def guest(mesh: RunningMesh, slug: str) -> AsyncIterator[httpx.AsyncClient]:
    """A guest who has just come to the tenant with this slug."""
    async with client(mesh) as nobody:
        came = answered(await nobody.post("/api/v1/auth/guest", json={"tenant": slug}))
    async with client(mesh, came.json()["access_token"]) as ours:
        yield ours


async def quote(person: httpx.AsyncClient, product_id: str = "espresso", quantity: int = 1) -> str:
    """The id of a new quote."""
    cart = {"lines": [{"product_id": product_id, "quantity": quantity}]}
    made = answered(await person.post("/api/v1/quotes", json={"cart": cart}))
    return str(made.json()["quote_id"])


async def place(person: httpx.AsyncClient, quote_id: str, key: str, **more: str) -> httpx.Response:
    """The answer to an order under this key, whatever it is."""
    return await person.post(
        "/api/v1/orders", json={"quote_id": quote_id, **more}, headers={"idempotency-key": key}
    )


async def order(person: httpx.AsyncClient, product_id: str = "espresso") -> str:
    """The id of a new order."""
    placed = answered(await place(person, await quote(person, product_id), uuid4().hex))
    return str(placed.json()["order_id"])


async def session(person: httpx.AsyncClient) -> str:
    """The id of a new conversation."""
    return str(answered(await person.post("/api/v1/sessions", json={})).json()["session_id"])


async def decision(person: httpx.AsyncClient) -> tuple[str, str]:
    """The id of a new conversation and that of the decision on who serves.

    Of a bandit that is too busy none is waited for, so it may take some conversations.
    """
    async with asyncio.timeout(60):
        while True:
            session_id = await session(person)
            path = f"/api/v1/sessions/{session_id}/messages"
            told = answered(await person.post(path, json={"text": "hello"})).json()
            if told["decision_id"]:
                return session_id, str(told["decision_id"])


async def until_found(person: httpx.AsyncClient, path: str) -> None:
    """Returns once there is something at that path; fails after a minute."""
    async with asyncio.timeout(60):
        while True:
            if (await person.get(path)).status_code == HTTPStatus.OK:
                return
            await asyncio.sleep(0.02)


def answered(response: httpx.Response) -> httpx.Response:
    """The response, which is no failure."""
    assert response.status_code == HTTPStatus.OK, response.text
    return response


def refused(response: httpx.Response) -> tuple[int, str]:
    """Status and reason of a failure."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    return response.status_code, str(response.json()["reason"])
