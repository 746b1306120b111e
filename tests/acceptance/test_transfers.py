"""A manager takes a spreadsheet in, is told what is wrong with another, and gets the menu out."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest_asyncio

from services.assembly.demo.branches import new_branch
from tests.support.mesh import RunningMesh
from tests.support.people import answered, client

TRANSFERS = "/api/v1/catalog/transfers"
PATIENCE_S = 60.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def manager(mesh: RunningMesh) -> AsyncIterator[httpx.AsyncClient]:
    """The manager of a coffee bar of this test's own."""
    branch = await new_branch(mesh.record, mesh.home, "coffee-bar")
    async with client(mesh, branch.manager_key) as ours:
        yield ours


async def ended(manager: httpx.AsyncClient, asked: httpx.Response) -> dict[str, Any]:
    """The transfer that was asked for, at its end."""
    transfer_id = answered(asked).json()["transfer_id"]
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = answered(await manager.get(f"{TRANSFERS}/{transfer_id}")).json()
            if "end_time" in found:
                return dict(found)
            await asyncio.sleep(0.1)


async def take_in(manager: httpx.AsyncClient, text: str, **more: Any) -> dict[str, Any]:
    body = {"format": "CATALOG_FORMAT_CSV", "mode": "CATALOG_IMPORT_MODE_MERGE", "content": text}
    return await ended(manager, await manager.post("/api/v1/catalog:import", json=body | more))


async def give_out(manager: httpx.AsyncClient, form: str) -> str:
    asked = await manager.post("/api/v1/catalog:export", json={"format": f"CATALOG_FORMAT_{form}"})
    transfer = await ended(manager, asked)
    assert transfer["state"] == "CATALOG_TRANSFER_STATE_SUCCEEDED", transfer
    path = f"{TRANSFERS}/{transfer['transfer_id']}/content"
    return str(answered(await manager.get(path)).json()["content"])


async def price(manager: httpx.AsyncClient, product_id: str) -> int:
    found = answered(await manager.get(f"/api/v1/products/{product_id}")).json()
    return int(found["price_minor"])


async def test_prices_come_out_and_go_in_changed(manager: httpx.AsyncClient) -> None:
    rows = list(csv.DictReader(io.StringIO(await give_out(manager, "CSV"))))
    before = {row["product_id"]: int(row["price_minor"]) for row in rows}
    changed = "product_id,price_minor\n" + "".join(
        f"{id_},{amount + 10}\n" for id_, amount in before.items()
    )
    tried = await take_in(manager, changed, dry_run=True)
    assert tried["changed_count"] == len(before)
    assert await price(manager, "espresso") == before["espresso"]
    done = await take_in(manager, changed)
    assert (done["state"], done["done_count"]) == ("CATALOG_TRANSFER_STATE_SUCCEEDED", len(before))
    assert await price(manager, "espresso") == before["espresso"] + 10


async def test_the_whole_catalog_goes_in_as_it_came_out(manager: httpx.AsyncClient) -> None:
    content = await give_out(manager, "JSON")
    again = await take_in(
        manager, content, format="CATALOG_FORMAT_JSON", mode="CATALOG_IMPORT_MODE_REPLACE"
    )
    assert again["state"] == "CATALOG_TRANSFER_STATE_SUCCEEDED"
    assert [again[f"{done}_count"] for done in ("added", "changed", "removed")] == [0, 0, 0]


async def test_a_content_with_faults_changes_nothing_and_names_them(
    manager: httpx.AsyncClient,
) -> None:
    before = await price(manager, "espresso")
    failed = await take_in(manager, "product_id,price_minor\nespresso,1\nlatte,free\n")
    assert failed["state"] == "CATALOG_TRANSFER_STATE_FAILED"
    (problem,) = failed["problems"]
    assert (problem["line"], problem["column"]) == (3, "price_minor")
    assert await price(manager, "espresso") == before


async def test_an_import_asked_for_twice_is_one(manager: httpx.AsyncClient) -> None:
    body = {
        "format": "CATALOG_FORMAT_CSV",
        "mode": "CATALOG_IMPORT_MODE_MERGE",
        "content": "product_id,price_minor\nespresso,333\n",
    }
    headers = {"idempotency-key": uuid4().hex}
    first, second = [
        answered(await manager.post("/api/v1/catalog:import", json=body, headers=headers))
        for _ in range(2)
    ]
    assert first.json() == second.json()
    await ended(manager, second)
    newest = answered(await manager.get(TRANSFERS, params={"page_size": 1})).json()
    assert newest["transfers"][0]["transfer_id"] == first.json()["transfer_id"]
    assert newest["next_page_token"]


async def test_a_large_catalog_goes_in_and_comes_out(mesh: RunningMesh) -> None:
    branch = await new_branch(mesh.record, mesh.home, "coffee-bar")
    wide = "ß" * 400
    rows = "".join(f"p{number},Pie {number},{wide},{number + 1}\n" for number in range(4_000))
    async with client(mesh, branch.manager_key) as manager:
        taken = await take_in(
            manager,
            f"product_id,name,description,price_minor\n{rows}",
            mode="CATALOG_IMPORT_MODE_REPLACE",
        )
        assert (taken["problems"], taken["added_count"]) == ([], 4_000)
        whole = answered(await manager.get("/api/v1/catalog")).json()
        assert len(whole["products"]) == 4_000
        assert json.loads(await give_out(manager, "JSON"))["products"][7]["description"] == wide
        again = await take_in(
            manager,
            "product_id,description\n" + "".join(f"p{n},{wide * 2}\n" for n in range(1_500)),
        )
        assert again["state"] == "CATALOG_TRANSFER_STATE_FAILED"
        assert "bytes" in again["problems"][0]["description"]
