"""The files of this repository as the repo tests read them: what git tracks or would track."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that is in git or neither in git nor ignored, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    names = sorted(name for name in listed.stdout.split("\0") if name)
    return tuple(Path(name) for name in names if (ROOT / name).is_file())


def files(*suffixes: str, under: tuple[str, ...] = ("services", "gateway")) -> list[Path]:
    """The tracked files with one of `suffixes` in the top-level folders `under`."""
    return [path for path in tracked() if path.parts[0] in under and path.suffix in suffixes]


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a Python file given relative to the root."""
    return ast.parse((ROOT / path).read_text(), str(path))


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module, and where."""

    path: Path
    line: int
    module: str
    names: tuple[str, ...]


def imports(path: Path) -> Iterator[Import]:
    """Every import of a file, at any depth, with relative ones made absolute."""
    package = ".".join(path.with_suffix("").parts[:-1])
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(path, node.lineno, alias.name, ())
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                base = package.split(".")[: len(package.split(".")) - node.level + 1]
                module = ".".join([*base, *([module] if module else [])])
            yield Import(path, node.lineno, module, tuple(alias.name for alias in node.names))
