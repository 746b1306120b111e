"""`.env.example` names every setting, with its default and its description."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from services.chassis.run.config import Settings
from tests.repo.sources import ROOT, files

EXAMPLE = ROOT / ".env.example"
# Only settings that name no address, key or role may change while a process runs.
FIXED = re.compile(r"(URL|LISTEN|ADDRESS|KEY|KEYS|TOKEN|ROLE|ENDPOINT)$")


def settings_classes() -> list[type[Settings]]:
    """Every settings class declared in a config.py."""
    return [
        found
        for path in files(".py")
        if path.name == "config.py" and "cli" not in path.parts
        for found in vars(importlib.import_module(module_name(path))).values()
        if isinstance(found, type)
        and issubclass(found, Settings)
        and found.__module__ == module_name(path)
        and found is not Settings
    ]


def module_name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts)


def leaves() -> list[type[Settings]]:
    """The classes that processes read: those nothing inherits from."""
    return [found for found in settings_classes() if not found.__subclasses__()]


def test_the_example_is_what_the_settings_say() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "services.assembly.cli", "config", "example"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert EXAMPLE.read_text() == printed.stdout, "maitred config example > .env.example"


@pytest.mark.parametrize("settings", leaves(), ids=lambda found: found.__name__)
def test_the_example_leaves_no_setting_out(settings: type[Settings]) -> None:
    named = set(re.findall(r"(?m)^# ([A-Z_]+)=", EXAMPLE.read_text()))
    assert {settings.variable(name) for name in settings.model_fields} - named == set()


@pytest.mark.parametrize("settings", leaves(), ids=lambda found: found.__name__)
def test_a_setting_is_described_and_dynamic_ones_are_harmless(settings: type[Settings]) -> None:
    for name, field in settings.model_fields.items():
        assert field.description, f"{name} is not described"
        extra = field.json_schema_extra
        assert isinstance(extra, dict)
        if extra["dynamic"]:
            assert not FIXED.search(settings.variable(name)), f"{name} may not be dynamic"
