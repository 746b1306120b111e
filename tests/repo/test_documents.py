"""What the documents promise is there: links, headings, make targets, settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.repo.sources import ROOT, tracked

DOCUMENTS = [path for path in tracked() if path.suffix == ".md"]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_a_link_leads_somewhere(path: Path) -> None:
    broken = []
    for target in LINK.findall(without_code(path)):
        if "://" in target or target.startswith("mailto:"):
            continue
        file, _, heading = target.partition("#")
        found = (ROOT / path.parent / file).resolve() if file else ROOT / path
        if not found.exists() or (heading and heading not in anchors(found)):
            broken.append(target)
    assert broken == []


def without_code(path: Path) -> str:
    return re.sub(r"```.*?```|`[^`]*`", "", (ROOT / path).read_text(), flags=re.DOTALL)


def anchors(document: Path) -> set[str]:
    """The fragments that a Markdown file's headings get."""
    headings = re.findall(r"(?m)^#+\s+(.*)$", document.read_text())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_a_make_target_named_in_a_document_exists(path: Path) -> None:
    rules = re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text())
    named = re.findall(r"(?m)(?:^|`)make ([a-z]+)\b", (ROOT / path).read_text())
    assert set(named) - set(rules) == set()
