"""`maitred ingest`: documents into a tenant's knowledge base, through the public gateway."""

import asyncio
import sys
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.progress import Progress, TaskID

    from services.assembly.client import GatewayClient
    from services.assembly.ingestion import LocalDocument


class Kind(StrEnum):
    """What documents are about; decides how they are cut up."""

    OTHER = "other"
    MENU = "menu"
    POLICY = "policy"
    FAQ = "faq"


def ingest(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Files, and folders whose .md, .txt and .json are taken."),
    ] = None,
    kind: Annotated[Kind, typer.Option(help="What they are about.")] = Kind.OTHER,
    catalog: Annotated[
        bool, typer.Option("--catalog", help="Take the tenant's catalog in as a menu.")
    ] = False,
    url: Annotated[
        str, typer.Option(help="The gateway; $MAITRED_URL, or that of the running mesh.")
    ] = "",
) -> None:
    """Take documents in as the tenant whose manager's key is in $MAITRED_API_KEY."""
    from rich.console import Console

    from services.assembly.ingestion import find_documents
    from services.assembly.refusal import Refusal

    missing = [str(path) for path in paths or () if not path.exists()]
    if missing:
        raise Refusal(f"there is no {', '.join(missing)}.")
    documents = list(find_documents(paths or (), kind))
    if not documents and not catalog:
        raise Refusal("nothing to ingest: name files, folders with .md, .txt or .json, --catalog.")
    names = Counter(document.source for document in documents)
    if twice := [name for name, count in names.items() if count > 1]:
        raise Refusal(f"two documents would be {', '.join(twice)}: name a folder above both.")
    failures = asyncio.run(_ingest(Console(), documents, catalog, url))
    for source, problem in failures.items():
        print(f"{source}: {problem}", file=sys.stderr)
    if failures:
        raise typer.Exit(1)


async def _ingest(
    console: "Console", documents: "Sequence[LocalDocument]", catalog: bool, url: str
) -> dict[str, str]:
    import httpx

    from services.assembly.client import GatewayClient, Refused
    from services.assembly.manager import manager_access
    from services.assembly.refusal import Refusal

    base_url, key = manager_access(url)
    async with httpx.AsyncClient(base_url=base_url, timeout=60) as http:
        client = GatewayClient(http, key)
        try:
            await http.get("/health")
            menu = [await _menu(client)] if catalog else []
        except httpx.TransportError as error:
            raise Refusal(f"nothing answers at {base_url}: {error}") from None
        except Refused as refused:
            raise Refusal(f"the catalog cannot be read: {refused}") from None
        return await _show(console, client, [*documents, *menu])


async def _show(
    console: "Console", client: "GatewayClient", documents: "Sequence[LocalDocument]"
) -> dict[str, str]:
    """Sends the documents, under a bar for all and one for each on its way."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from services.assembly.ingestion import send_all

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        failures = await send_all(client, documents, Bars(progress, len(documents)))
    taken = len(documents) - len(failures)
    console.print(f"{taken} of {len(documents)} documents can be found.", highlight=False)
    return failures


class Bars:
    """Bars of an ingestion: one of documents, and one of pieces for each under way."""

    def __init__(self, progress: "Progress", documents: int) -> None:
        self._progress = progress
        self._all = progress.add_task("documents", total=documents)
        self._open: dict[str, TaskID] = {}

    def at(self, document: "LocalDocument", done: int, total: int) -> None:
        source = document.source
        if source not in self._open:
            self._open[source] = self._progress.add_task(source)
        self._progress.update(self._open[source], completed=done, total=total or None)

    def over(self, document: "LocalDocument") -> None:
        if (bar := self._open.pop(document.source, None)) is not None:
            self._progress.remove_task(bar)
        self._progress.advance(self._all)


async def _menu(client: "GatewayClient") -> "LocalDocument":
    from services.assembly.ingestion import LocalDocument
    from services.assembly.menu import SOURCE, TITLE, menu_document

    content = menu_document(await client.call("GET", "/api/v1/catalog"))
    return LocalDocument(SOURCE, "application/json", Kind.MENU, lambda: content, TITLE)
