"""Documents on this machine sent to a tenant through the gateway, each until it can be found."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from services.assembly.client import GatewayClient, Refused

MEDIA_TYPES = {
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".txt": "text/plain",
    ".json": "application/json",
}
AT_ONCE = 4
LOOK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class LocalDocument:
    """A document to send.

    Attributes:
        source: by which the tenant knows it; the same one again replaces it.
        kind: `other`, `menu`, `policy` or `faq`.
        read: its content. OSError or UnicodeDecodeError if that cannot be read.
        title: empty for its first heading or its source.
    """

    source: str
    media_type: str
    kind: str
    read: Callable[[], str]
    title: str = ""


class Progress(Protocol):
    """Is told how documents get on."""

    def at(self, document: LocalDocument, done: int, total: int) -> None:
        """So many of its pieces are done, of how many; both 0 while that is not known."""

    def over(self, document: LocalDocument) -> None:
        """It can be found, or has failed."""


def find_documents(paths: Sequence[Path], kind: str) -> Iterator[LocalDocument]:
    """The documents at paths and, for folders, everything readable below them, by name.

    A file's source is its name or, in a folder, its path from that folder on: the same from
    wherever they are named. One named outright is taken whatever it is called; a link out of a
    folder is not.
    """
    for path in (each.resolve() for each in paths):
        inside = sorted(one for one in path.rglob("*") if _is_document(one, path))
        for file in inside if path.is_dir() else [path]:
            media_type = MEDIA_TYPES.get(file.suffix.lower(), "text/plain")
            source = file.relative_to(path.parent).as_posix()
            yield LocalDocument(source, media_type, kind, _reader(file))


async def send_all(
    client: GatewayClient,
    documents: Sequence[LocalDocument],
    progress: Progress,
) -> dict[str, str]:
    """Sends documents, several at once, and waits for their ingestions.

    Args:
        client: as somebody who may.
        documents: to send.
        progress: told of every step.

    Returns:
        What went wrong, by source.
    """
    at_once = asyncio.Semaphore(AT_ONCE)
    failures: dict[str, str] = {}

    async def one(document: LocalDocument) -> None:
        async with at_once:
            try:
                problem = await _send(client, document, progress)
            except (Refused, OSError, UnicodeDecodeError) as error:
                problem = str(error)
            if problem:
                failures[document.source] = problem
            progress.over(document)

    await asyncio.gather(*(one(document) for document in documents))
    return failures


async def _send(client: GatewayClient, document: LocalDocument, progress: Progress) -> str:
    """Why its ingestion failed; empty if it did not."""
    sent = await client.call(
        "POST",
        "/api/v1/documents",
        {
            "source": document.source,
            "media_type": document.media_type,
            "kind": f"DOCUMENT_KIND_{document.kind.upper()}",
            "title": document.title,
            "content": document.read(),
        },
    )
    path = f"/api/v1/ingestions/{sent['ingestion']['ingestion_id']}"
    while (at := await client.call("GET", path))["state"] == "INGESTION_STATE_RUNNING":
        progress.at(document, at.get("chunks_done", 0), at.get("chunks_total", 0))
        await asyncio.sleep(LOOK_EVERY_S)
    problem: str = at.get("problem", "")
    return problem


def _is_document(path: Path, root: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
    is_inside = path.resolve().is_relative_to(root)
    return path.suffix.lower() in MEDIA_TYPES and path.is_file() and is_inside and not hidden


def _reader(path: Path) -> Callable[[], str]:
    return lambda: path.read_text(encoding="utf-8")
