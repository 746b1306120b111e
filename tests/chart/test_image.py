"""The Dockerfile, read: there is no engine in a test that could build it."""

import re
import shlex
import subprocess
import tomllib

from services.assembly.home import CHECKOUT

DOCKERFILE = CHECKOUT / "deploy" / "docker" / "Dockerfile"
Instruction = tuple[str, str]


def instructions() -> list[Instruction]:
    """Each instruction with its arguments, comments left out and lines joined."""
    text = re.sub(r"(?m)^#.*\n", "", DOCKERFILE.read_text()).replace("\\\n", " ")
    lines = [line.partition(" ") for line in text.splitlines() if line.strip()]
    return [(word, " ".join(rest.split())) for word, _, rest in lines]


def stages() -> tuple[list[Instruction], list[Instruction]]:
    """What builds, and what is shipped."""
    found = instructions()
    first, last = (number for number, (word, _) in enumerate(found) if word == "FROM")
    return found[first:last], found[last:]


def test_everything_that_is_copied_is_there_and_reaches_the_builder() -> None:
    build, _ = stages()
    ignored = (CHECKOUT / ".dockerignore").read_text().split()
    for word, rest in build:
        if word == "COPY":
            for source in rest.split()[:-1]:
                assert (CHECKOUT / source).exists()
                assert f"!{source.partition('/')[0]}" in ignored
    assert "*" in ignored
    assert "protos/gen" in ignored


def test_all_that_is_installed_is_locked_by_hash() -> None:
    build, _ = stages()
    installs = [
        rest for word, rest in build if word == "RUN" and re.search(r" (install|sync) ", rest)
    ]
    locked = [one for one in installs if "--require-hashes" in one]
    assert [re.findall(r"requirements/(\w+)\.lock", one) for one in locked] == [
        ["uv"],
        ["build"],
        ["runtime"],
    ]
    [own] = [one for one in installs if one not in locked]
    assert {"--no-deps", "--no-index", "maitred"} <= set(shlex.split(own))


def test_what_is_shipped_runs_nothing_builds_nothing_and_is_not_root() -> None:
    _, shipped = stages()
    told = dict(shipped)
    assert {word for word, _ in shipped}.isdisjoint({"RUN", "ADD", "HEALTHCHECK", "VOLUME"})
    assert [rest for word, rest in shipped if word == "COPY"] == [
        "--from=build /opt/maitred /opt/maitred"
    ]
    user, _, group = told["USER"].partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert told["ENTRYPOINT"] == '["maitred"]'


def test_it_writes_nowhere_but_below_tmp() -> None:
    environment = image_environment()
    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"
    assert environment["MAITRED_HOME"].startswith("/tmp/")
    assert environment["MALLOC_ARENA_MAX"] == "2"


def test_its_python_is_one_that_the_project_and_its_locks_are_for() -> None:
    [base] = [rest for word, rest in instructions() if word == "ARG"]
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    assert base == "PYTHON=python:3.11-slim"
    assert project["requires-python"] == ">=3.11"


def test_nothing_that_git_ignores_is_copied() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--others", "--ignored", "--exclude-standard", "--directory"],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    reaching = ("gateway/", "protos/", "services/", "requirements/")
    left = [one for one in listed if one.startswith(reaching) and "__pycache__" not in one]
    assert left == ["protos/gen/"]


def image_environment() -> dict[str, str]:
    """The variables that the image sets."""
    _, shipped = stages()
    pairs = [pair for word, rest in shipped if word == "ENV" for pair in shlex.split(rest)]
    return dict(pair.split("=", 1) for pair in pairs)
