"""Names, sizes and habits that a linter has no rule for."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.repo.sources import ROOT, files, imports, parsed, tracked

CODE = ("services", "gateway", "protos", "tests", "deploy")
VAGUE = {"util", "utils", "helper", "helpers", "common", "misc", "shared", "stuff"}
LONGEST = 450
FIXED_ENVIRONMENT = {
    *("ALLOW_DEPRECATED", "OPENAI_API_BASE", "OPENAI_API_KEY", "DATABASE_URL", "REDIS_URL"),
    *("VLLM_OCR_URL", "VAULT_ADDR", "VAULT_TOKEN", "AWS_REGION", "AWS_SECRET_NAME"),
}
SYSTEM_ENVIRONMENT = {"PATH", "HOME", "TMPDIR", "LANG"}
MODULES = files(".py", under=CODE)


def test_nothing_is_named_vaguely() -> None:
    vague = [path for path in tracked() if VAGUE & {Path(part).stem for part in path.parts}]
    assert vague == []


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_module_stays_readable_in_one_sitting(path: Path) -> None:
    lines = len((ROOT / path).read_text().splitlines())
    assert lines <= LONGEST, f"{path} has {lines} lines: split it by noun"


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_no_module_keeps_state_or_stubs(path: Path) -> None:
    for node in ast.walk(parsed(path)):
        assert not isinstance(node, ast.Global), f"{path}:{node.lineno} keeps a module global"
        stub = isinstance(node, ast.Name) and node.id == "NotImplementedError"
        assert not stub, f"{path} promises what it does not do"


def test_nothing_is_left_for_later() -> None:
    later = [
        f"{path}:{number}"
        for path in files(".py", ".sql", ".proto", ".js", ".css", ".html", under=CODE)
        if path != Path(__file__).relative_to(ROOT)
        for number, line in enumerate((ROOT / path).read_text().splitlines(), 1)
        if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line)
    ]
    assert later == []


def test_our_own_servers_are_never_mocked() -> None:
    mocked = [
        f"{found.path}:{found.line}"
        for path in files(".py", under=("tests",))
        for found in imports(path)
        if found.module.startswith(("unittest.mock", "mock"))
    ]
    assert mocked == []


def test_every_environment_variable_read_has_our_name() -> None:
    strange = [
        f"{path} reads {name}"
        for path in files(".py")
        for node in ast.walk(parsed(path))
        if (name := environment_name(node)) is not None
        and not name.startswith(("MAITRED_", "LEARNING_"))
        and name not in FIXED_ENVIRONMENT | SYSTEM_ENVIRONMENT
    ]
    assert strange == []


def environment_name(node: ast.AST) -> str | None:
    """The literal name in `os.environ[...]`, `os.environ.get(...)` or `os.getenv(...)`."""
    match node:
        case ast.Subscript(
            value=ast.Attribute(attr="environ"), slice=ast.Constant(value=str(name)), ctx=ast.Load()
        ):
            return name
        case ast.Call(
            func=ast.Attribute(value=ast.Attribute(attr="environ"), attr="get"),
            args=[ast.Constant(value=str(name)), *_],
        ):
            return name
        case ast.Call(func=ast.Attribute(attr="getenv"), args=[ast.Constant(value=str(name)), *_]):
            return name
        case _:
            return None
