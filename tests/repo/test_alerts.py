"""Alerts have runbooks and ask for metrics there are; the guide explains them; promtool agrees."""

import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from tests.repo.sources import ROOT, files

ALERTS = ROOT / "deploy" / "monitoring" / "alerts.yaml"
GUIDE = ROOT / "docs" / "operator" / "metrics.md"
FAMILY = re.compile(r'\b(Counter|Gauge|Histogram)\(\s*"(maitred_[a-z_]+)"')
INSTALL = "promtool is missing: apt-get install prometheus"


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load(ALERTS.read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_an_alert_says_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    name = rule["alert"]
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["runbook"] == f"docs/runbooks/{name}.md"
    assert (ROOT / f"docs/runbooks/{name}.md").read_text().startswith(f"# {name}\n")


def test_every_runbook_is_of_an_alert() -> None:
    runbooks = {path.stem for path in (ROOT / "docs" / "runbooks").glob("*.md")}
    assert runbooks == {rule["alert"] for rule in rules()}


def test_alerts_ask_for_metrics_that_exist() -> None:
    source = "".join((ROOT / path).read_text() for path in files(".py"))
    asked = {
        name
        for rule in rules()
        for name in re.findall(r"\bmaitred_[a-z_]+", re.sub(r"\{[^}]*\}", "", rule["expr"]))
    }
    unknown = {
        name
        for name in asked
        if f'"{name}"' not in source and f'"{name.removesuffix("_total")}"' not in source
    }
    assert unknown == set()


def test_the_guide_explains_the_metrics_there_are() -> None:
    registered = {
        f"{name.removesuffix('_total')}_total" if kind == "Counter" else name
        for path in files(".py")
        for kind, name in FAMILY.findall((ROOT / path).read_text())
    }
    explained = re.findall(r"(?m)^\| `(maitred_[a-z_]+)", GUIDE.read_text())
    assert sorted(explained) == sorted(registered)


@pytest.mark.parametrize("command", [("check", "rules"), ("test", "rules")], ids=" ".join)
def test_promtool_agrees(command: tuple[str, str]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip(INSTALL)
    path = ALERTS if command[0] == "check" else ALERTS.with_name("alerts.test.yaml")
    done = subprocess.run(
        [promtool, *command, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
