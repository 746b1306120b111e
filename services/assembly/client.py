"""A client of the public gateway, as the demo and the evaluations use it: HTTP and nothing else.

It is built for a mesh whose processes may be killed at any moment: what is safe to repeat is
repeated with the same key, and an event stream resumes where it broke.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Self
from uuid import uuid4

import httpx

AGAIN = frozenset({409, 429, 502, 503, 504})
ATTEMPTS = 60
LONGEST_PAUSE_S = 2.0


class Refused(Exception):
    """The gateway answered with a problem that asking again does not mend."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('reason', '')}: {problem.get('detail', '')}")
        self.status = status
        self.reason = problem.get("reason", "")


class BrokenOff(Exception):
    """A stream ended before it was complete; what came of it is stored."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream: its position (of `/events` alone), its kind, its data."""

    cursor: str
    kind: str
    data: Mapping[str, Any]


class GatewayClient:
    """Calls as one principal."""

    def __init__(self, http: httpx.AsyncClient, token: str) -> None:
        self._http = http
        self._headers = {"authorization": f"Bearer {token}"}

    @classmethod
    async def guest(cls, http: httpx.AsyncClient, tenant: str) -> Self:
        """A client of a new guest of the tenant with this slug."""
        nobody = cls(http, "")
        answer = await nobody.call("POST", "/api/v1/auth/guest", {"tenant": tenant})
        return cls(http, answer["access_token"])

    async def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, key: str = ""
    ) -> dict[str, Any]:
        """The answer's JSON. Asks again, with the same key, while the mesh is not able to answer.

        Raises:
            Refused: any other problem, or the mesh did not recover.
        """
        headers = {**self._headers, "idempotency-key": key or f"req-{uuid4().hex}"}
        if not self._headers["authorization"].removeprefix("Bearer "):
            del headers["authorization"]
        for attempt in range(ATTEMPTS):
            try:
                answer = await self._http.request(method, path, json=body, headers=headers)
            except httpx.TransportError as error:
                last: Refused = Refused(0, {"detail": repr(error)})
                await asyncio.sleep(_pause(attempt))
                continue
            if answer.is_success:
                found: dict[str, Any] = answer.json()
                return found
            last = Refused(answer.status_code, _problem(answer))
            if answer.status_code not in AGAIN or last.reason in FINAL_CONFLICTS:
                raise last
            await asyncio.sleep(max(_retry_after(answer), _pause(attempt)))
        raise last

    async def say(self, session_id: str, text: str) -> dict[str, Any]:
        """A message and its answer: text, cart, order."""
        key = f"msg-{uuid4().hex}"
        return await self.call(
            "POST", f"/api/v1/sessions/{session_id}/messages", {"text": text}, key=key
        )

    async def answer(self, session_id: str, text: str, key: str) -> AsyncIterator[Event]:
        """A message's answer as it is made: `token`, `cart`, `order`, `citation`, …, last `done`.

        Raises:
            Refused: a problem instead of the stream, or at its end.
            BrokenOff: the stream was not begun, or not ended.
        """
        path = f"/api/v1/sessions/{session_id}/messages"
        headers = {**self._headers, "accept": "text/event-stream"}
        body = {"text": text, "request_id": key}
        try:
            async with self._http.stream("POST", path, json=body, headers=headers) as answer:
                if not answer.is_success:
                    await answer.aread()
                    raise Refused(answer.status_code, _problem(answer))
                async for event in _parse(answer.aiter_lines()):
                    if event.kind == "error":
                        raise Refused(int(event.data.get("status", 0)), event.data)
                    yield event
                    if event.kind == "done":
                        return
        except httpx.TransportError as error:
            raise BrokenOff(repr(error)) from error
        raise BrokenOff("the stream ended early")

    async def orders(self) -> list[dict[str, Any]]:
        """All orders the principal may see, newest first."""
        found: list[dict[str, Any]] = []
        token = ""
        while True:
            query = httpx.QueryParams(page_size=200, page_token=token)
            page = await self.call("GET", f"/api/v1/orders?{query}")
            found.extend(page.get("orders", []))
            token = page.get("next_page_token", "")
            if not token:
                return found

    async def events(self, cursor: str = "") -> AsyncIterator[Event]:
        """Events from now on, or after a position; reconnects and resumes for ever."""
        while True:
            headers = dict(self._headers) | ({"last-event-id": cursor} if cursor else {})
            try:
                async with self._http.stream(
                    "GET", "/api/v1/events", headers=headers, timeout=httpx.Timeout(10, read=40)
                ) as answer:
                    if not answer.is_success:
                        await asyncio.sleep(LONGEST_PAUSE_S / 4)
                        continue
                    async for event in _parse(answer.aiter_lines()):
                        cursor = event.cursor or cursor
                        yield event
            except httpx.TransportError:
                await asyncio.sleep(LONGEST_PAUSE_S / 8)


# Conflicts that stay: the state of things, not a race.
FINAL_CONFLICTS = frozenset({"QUOTE_EXPIRED", "NOT_AVAILABLE", "TRANSITION_NOT_ALLOWED"}) | {
    "TENANT_EXISTS",
    "VERSION_MISMATCH",
}


async def _parse(lines: AsyncIterator[str]) -> AsyncIterator[Event]:
    """Events of an event stream (WHATWG), without comments; one without data moves the cursor."""
    cursor, kind, data = "", "message", ""
    async for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id":
            cursor = value
        elif name == "event":
            kind = value
        elif name == "data":
            data += value
        elif not line and (data or cursor):
            yield Event(cursor, kind if data else "position", json.loads(data or "{}"))
            cursor, kind, data = "", "message", ""


def _pause(attempt: int) -> float:
    return min(LONGEST_PAUSE_S, 0.1 * 1.5**attempt)


def _retry_after(answer: httpx.Response) -> float:
    try:
        return float(answer.headers.get("retry-after", "0"))
    except ValueError:
        return 0.0


def _problem(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = answer.json()
    except ValueError:
        return {"detail": answer.text[:200]}
    return found
