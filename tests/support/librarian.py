"""Documents brought in and revised while a reader looks: each is found whole, or not yet."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from services.assembly.client import GatewayClient, Refused
from services.assembly.demo.access import DemoTenant
from tests.support.mesh import RunningMesh

SECTIONS = 12
REVISIONS = 3
POLL_S = 0.05
PATIENCE_S = 150.0


@dataclass(slots=True)
class Librarian:
    """Brings documents in, each in several revisions, and reads along.

    Attributes:
        seen: the last revision found, by source; none before the first is found.
    """

    manager: GatewayClient
    seen: dict[str, int] = field(default_factory=dict)
    is_closing: bool = False

    async def work(self) -> None:
        """Brings documents in until asked to stop."""
        while not self.is_closing:
            await self._bring_in(f"shelf-{len(self.seen)}")

    async def _bring_in(self, source: str) -> None:
        """A document in all its revisions, which is taken out in the end."""
        self.seen[source] = 0
        for revision in range(1, REVISIONS + 1):
            sent = _document(source, revision)
            made = await self.manager.call("POST", "/api/v1/documents", sent)
            await self._until_found(source, revision)
        await self._take_out(made["document"]["document_id"])
        async with asyncio.timeout(PATIENCE_S):
            # While the database is away searches are answered as of before.
            while await self._found(source):  # noqa: ASYNC110
                await asyncio.sleep(POLL_S)

    async def _take_out(self, document_id: str) -> None:
        try:
            await self.manager.call("DELETE", f"/api/v1/documents/{document_id}")
        except Refused as refusal:
            # Asked again because the first answer was lost.
            if refusal.reason != "DOCUMENT_NOT_FOUND":
                raise

    async def _until_found(self, source: str, revision: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while await self._look(source) < revision:  # noqa: ASYNC110
                await asyncio.sleep(POLL_S)

    async def _look(self, source: str) -> int:
        """The revision found, 0 for none; fails of one older than before."""
        revision = await self._found(source)
        assert revision >= self.seen[source]
        self.seen[source] = revision
        return revision

    async def _found(self, source: str) -> int:
        """The revision whose passages are found, 0 for none; fails of a revision in part."""
        wanted = {"query": _word(source), "limit": 100, "dense_weight": 0.0}
        answer = await self.manager.call("POST", "/api/v1/search", wanted)
        cited = [hit["citation"] for hit in answer.get("hits", [])]
        headings = sorted(one["headings"][-1] for one in cited if one["source"] == source)
        revision = int(headings[0].split()[1]) if headings else 0
        assert headings == (_headings(source, revision) if revision else [])
        return revision


@asynccontextmanager
async def librarian(mesh: RunningMesh, tenant: DemoTenant) -> AsyncIterator[Librarian]:
    """One at work while the block lasts; none of the documents is left."""
    async with (
        httpx.AsyncClient(base_url=mesh.gateway_url, timeout=60) as http,
        asyncio.TaskGroup() as group,
    ):
        ours = Librarian(GatewayClient(http, tenant.manager_key))
        group.create_task(ours.work())
        try:
            yield ours
        finally:
            ours.is_closing = True


def _document(source: str, revision: int) -> dict[str, Any]:
    word = _word(source)
    sections = (
        f"# {heading}\n\nOn shelf {word} nothing is for sale.\n"
        for heading in _headings(source, revision)
    )
    return {
        "title": f"The shelf {word}",
        "kind": "DOCUMENT_KIND_OTHER",
        "source": source,
        "media_type": "text/markdown",
        "content": "\n".join(sections),
    }


def _headings(source: str, revision: int) -> list[str]:
    return [f"{_word(source)} {revision} {number:02}" for number in range(SECTIONS)]


def _word(source: str) -> str:
    """A word of no other document."""
    return "qx" + source.replace("-", "")
