"""Documents come in from the command line, and guests find what they say."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from services.assembly.client import GatewayClient
from tests.support.mesh import RunningMesh, own_environment
from tests.support.people import client

BAR = "coffee-bar"


def maitred(
    mesh: RunningMesh, *arguments: str, **settings: str
) -> "subprocess.CompletedProcess[str]":
    demo = next(one for one in mesh.demo if one.slug == BAR)
    environment = own_environment(mesh.home) | {
        "MAITRED_URL": mesh.gateway_url,
        "MAITRED_API_KEY": demo.manager_key,
    }
    return subprocess.run(
        [sys.executable, "-m", "services.assembly.cli", *arguments],
        check=False,
        env=environment | settings,
        capture_output=True,
        text=True,
    )


async def search(mesh: RunningMesh, question: str) -> list[Mapping[str, Any]]:
    async with client(mesh) as http:
        guest = await GatewayClient.guest(http, BAR)
        answer = await guest.call("POST", "/api/v1/search", {"query": question})
    hits: list[Mapping[str, Any]] = answer.get("hits", [])
    return hits


async def test_a_guest_finds_the_house_rules_of_the_demo(mesh: RunningMesh) -> None:
    first, *_ = await search(mesh, "Can I bring my dog?")
    assert first["citation"]["source"] == "policies.md"
    assert first["citation"]["headings"][-1] == "Dogs"
    assert first["citation"]["quote"].startswith("Dogs on a lead are welcome")


async def test_documents_of_a_folder_can_be_found_once_the_command_has_ended(
    mesh: RunningMesh, tmp_path: Path
) -> None:
    (tmp_path / "rooms.md").write_text(
        "# Rooms\n\n## Attic\n\nThe attic seats twelve for tasting.\n"
    )
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "umbrellas.txt").write_text("Umbrellas are lent for nothing.\n")
    told = maitred(mesh, "ingest", str(tmp_path), "--kind", "faq")
    assert told.returncode == 0, told.stderr
    assert "2 of 2 documents can be found." in told.stdout
    first, *_ = await search(mesh, "how many does the attic seat?")
    assert first["text"] == "The attic seats twelve for tasting."
    assert first["citation"]["kind"] == "DOCUMENT_KIND_FAQ"


async def test_what_cannot_be_taken_in_is_told_by_file(mesh: RunningMesh, tmp_path: Path) -> None:
    (tmp_path / "good.md").write_text("The cellar is cold.")
    (tmp_path / "bad.json").write_text('{"a": }')
    told = maitred(mesh, "ingest", str(tmp_path))
    assert told.returncode == 1
    assert "1 of 2 documents can be found." in told.stdout
    assert f"{tmp_path.name}/bad.json: 400 DOCUMENT_UNREADABLE" in told.stderr
    assert await search(mesh, "cold cellar")


async def test_the_catalog_is_a_document_too(mesh: RunningMesh) -> None:
    assert maitred(mesh, "ingest", "--catalog").returncode == 0
    first, *_ = await search(mesh, "almond croissant price")
    assert first["citation"]["source"] == "catalog"
    assert "price: 3.40 EUR" in first["text"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ingest",), "nothing to ingest"),
        (("ingest", "no-such-file.md"), "there is no no-such-file.md"),
        (("eval", "retrieval", "--data", "nowhere"), "nowhere holds none of scifact, policy_kb"),
    ],
)
def test_a_command_without_anything_to_work_on_says_so(
    mesh: RunningMesh, arguments: tuple[str, ...], said: str
) -> None:
    told = maitred(mesh, *arguments)
    assert told.returncode == 1
    assert said in told.stderr
