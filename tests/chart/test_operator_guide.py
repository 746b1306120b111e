"""docs/operator/deploying.md: the secrets it makes are the ones that the chart reads."""

import re
import subprocess
from pathlib import Path

import yaml

from services.assembly.home import CHECKOUT
from services.chassis.rpc.identity import key_pair, public_keys
from tests.chart.chart import CHART, of_kind, render, secrets

GUIDE = (CHECKOUT / "docs" / "operator" / "deploying.md").read_text()
COMMANDS = re.findall(r"(?m)^[$>] (.*)$", GUIDE)
MOST_CONNECTIONS = 80
WORKS_FOR = {"worker": ("learning", "orders")}


def test_every_secret_that_is_read_is_made() -> None:
    rendered = render(
        {
            "secrets": {
                "quotes": {"existingSecret": "maitred-quotes"},
                "sealing": {"existingSecret": "maitred-sealing"},
                "openai": {"existingSecret": "maitred-openai"},
            }
        }
    )
    workloads = [*of_kind("Deployment", rendered).values(), *of_kind("Job", rendered).values()]
    read = {reference for one in workloads for reference in secrets(one).values()}

    [targets] = re.findall(r"for target in ([\w ]+); do", GUIDE)
    made = {("maitred-database", target) for target in ("migrator", *targets.split())}
    for command in COMMANDS:
        if found := re.match(r"kubectl create secret generic (\S+) (.*)", command):
            keys = re.findall(r"--from-(?:literal|file)=([\w.-]+)", found[2])
            made |= {(found[1], key) for key in keys}

    assert made == read


def test_the_key_pair_it_makes_is_one_that_the_mesh_takes(tmp_path: Path) -> None:
    for command in COMMANDS:
        if command.startswith("openssl"):
            subprocess.run(command.split(), cwd=tmp_path, check=True)
    pair = key_pair((tmp_path / "private.pem").read_text())
    assert public_keys((tmp_path / "public.pem").read_text()) == {pair.kid: pair.public_pem}


def test_the_connections_at_rest_are_what_it_says_and_few_enough() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    pods, connections = 0, 0
    for target, section in values["targets"].items():
        own = values["defaults"] | section
        # The worker's three by which jobs come, and two for each service whose jobs it runs.
        more = 3 + 2 * len(WORKS_FOR[target]) if target in WORKS_FOR else 1
        pods += own["replicas"]
        connections += own["replicas"] * (own["databasePool"] + more)
    assert f"| together | {pods} | | {connections} |" in GUIDE
    assert connections <= MOST_CONNECTIONS
