"""How SQL is written: named blocks, columns enumerated, SET LOCAL only, the guest named."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.repo.sources import ROOT, files, parsed

# The log is everyone's; what a guest may see of it is decided where streams are read.
UNOWNED_SCHEMAS = {"events"}
EXEMPTION = "-- every guest: "


@dataclass(frozen=True, slots=True)
class Block:
    """One named statement of a queries.sql."""

    path: Path
    name: str
    comments: tuple[str, ...]
    sql: str

    def __str__(self) -> str:
        return f"{self.path.parent}:{self.name}"


def blocks() -> list[Block]:
    found = []
    for path in files(".sql"):
        if path.name != "queries.sql":
            continue
        text = (ROOT / path).read_text()
        for part in re.split(r"(?m)^-- name: ", text)[1:]:
            name, *lines = part.splitlines()
            comments = tuple(line.strip() for line in lines if line.strip().startswith("--"))
            sql = "\n".join(line for line in lines if not line.strip().startswith("--"))
            found.append(Block(path, name.strip(), comments, sql))
    return found


def statements() -> Iterator[tuple[str, str]]:
    """Every SQL statement of the tree with its place: .sql files and strings in Python."""
    for path in files(".sql"):
        for sql in split((ROOT / path).read_text()):
            yield str(path), sql
    for path in files(".py"):
        for line, text in strings(parsed(path)):
            for sql in split(text):
                yield f"{path}:{line}", sql


def strings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The string literals of a module; an f-string is one, a name standing for its values."""
    parts: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts.update(node.values)
            texts = [v.value if isinstance(v, ast.Constant) else "_" for v in node.values]
            yield node.lineno, "".join(map(str, texts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in parts:
            yield node.lineno, node.value


def split(text: str) -> list[str]:
    bare = re.sub(r"--[^\n]*", "", text)
    return [part.strip() for part in bare.split(";") if part.strip()]


def guest_tables() -> set[str]:
    """`schema.table` of every table that a migration gives a principal_id."""
    owned = set()
    for path in files(".py", ".sql"):
        if "migrations" not in path.parts:
            continue
        text = (ROOT / path).read_text()
        for match in re.finditer(r"(?i)\bCREATE TABLE (?:IF NOT EXISTS )?([\w.]+)\s*\(", text):
            columns = parenthesised(text, match.end())
            if re.search(r"(?m)\bprincipal_id\s+(text|uuid)\b", columns):
                owned.add(match.group(1))
    return {table for table in owned if table.split(".")[0] not in UNOWNED_SCHEMAS}


def parenthesised(text: str, start: int) -> str:
    depth = 1
    for position in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        if depth == 0:
            return text[start:position]
    return text[start:]


def test_a_block_says_what_it_is_for() -> None:
    assert [str(block) for block in blocks() if not block.comments] == []


def test_columns_are_enumerated() -> None:
    starred = re.compile(r"(?i)\b(SELECT|RETURNING)\s+(\w+\.)?\*|\bSELECT\b[^;]*?,\s*\w+\.\*")
    unlisted = re.compile(r"(?i)\bINSERT\s+INTO\s+[\w.]+\s+(VALUES|SELECT)\b")
    lazy = [
        place
        for place, sql in statements()
        if re.match(r"(?i)(WITH|SELECT|INSERT|UPDATE|DELETE)\b", sql)
        and (starred.search(sql) or unlisted.search(sql))
    ]
    assert lazy == []


def test_pages_are_read_by_key() -> None:
    offset = re.compile(r"(?i)\bOFFSET\s+(\$\d|\d)")
    assert [place for place, sql in statements() if offset.search(sql)] == []


def test_settings_end_with_their_transaction() -> None:
    lasting = re.compile(r"(?i)^SET\s+(?!LOCAL\b|TRANSACTION\b)[\w.]+\s*(=|TO\b)|^SET\s+ROLE\b")
    configured = re.compile(r"(?is)\bset_config\([^)]*,\s*false\s*\)")
    assert [
        (place, sql[:60])
        for place, sql in statements()
        if lasting.search(sql) or configured.search(sql)
    ] == []


@pytest.mark.parametrize("block", blocks(), ids=str)
def test_a_query_on_a_guests_table_names_the_guest(block: Block) -> None:
    """`principal_id` is an argument, or the block's comment says why it serves every guest."""
    named = {table for table in guest_tables() if re.search(rf"\b{re.escape(table)}\b", block.sql)}
    inserted = re.search(r"(?i)\bINSERT\s+INTO\s+[\w.]+[^(]*\([^)]*\bprincipal_id\b", block.sql)
    compared = re.search(r"\bprincipal_id\s*=\s*(ANY\s*\()?\$\d", block.sql)
    exempt = any(comment.startswith(EXEMPTION) for comment in block.comments)
    assert not named or inserted or compared or exempt, f"{block} reads {sorted(named)}"
