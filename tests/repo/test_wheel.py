"""The wheel holds everything the checkout runs on."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.repo.sources import ROOT, tracked

IMPORT_ALL = """
import importlib, json, sys
failed = {}
for name in json.load(sys.stdin):
    try:
        module = importlib.import_module(name)
        if not (module.__file__ or "").startswith(sys.prefix):
            failed[name] = module.__file__
    except Exception as error:
        failed[name] = repr(error)
print(json.dumps(failed))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def contents(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_the_wheel_holds_every_file_of_services_and_gateway(contents: list[str]) -> None:
    ours = {path.as_posix() for path in tracked() if path.parts[0] in ("services", "gateway")}
    assert ours - set(contents) == set()


def test_the_wheel_holds_the_contracts_and_nothing_else(contents: list[str]) -> None:
    assert "maitred/events/v1/order_v1.json" in contents
    assert "maitred/orders/v1/order_service_pb2_grpc.py" in contents
    tops = {Path(name).parts[0] for name in contents if ".dist-info/" not in name}
    assert tops <= {"services", "gateway", "maitred", "buf"}


def test_every_module_imports_from_the_wheel_alone(
    wheel: Path, contents: list[str], tmp_path: Path
) -> None:
    """An empty environment sees the locked dependencies, and of Maitred only the wheel."""
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = environment / "lib" / version / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    # The .pth files of a folder added by a .pth are not followed: the checkout stays out of sight.
    (packages / "locked.pth").write_text(sysconfig.get_path("purelib") + "\n")
    modules = [
        ".".join(Path(name).with_suffix("").parts).removesuffix(".__init__")
        for name in contents
        # Revisions and env.py are run by Alembic, never imported.
        if name.endswith(".py") and not re.search(r"/migrations/|/env\.py$|/__main__\.py$", name)
    ]
    done = subprocess.run(
        [environment / "bin" / "python", "-I", "-c", IMPORT_ALL],
        input=json.dumps(modules),
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout) == {}
