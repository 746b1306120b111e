"""The chart's values: each is explained, each has its schema, and a wrong one is refused."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import helm_python
import pytest
import yaml

from tests.chart.chart import CHART, EVERYTHING, Values, render

TEXT = (CHART / "values.yaml").read_text()
DEFAULTS: Mapping[str, Any] = yaml.safe_load(TEXT)
SCHEMA: Mapping[str, Any] = json.loads((CHART / "values.schema.json").read_text())


def test_every_value_is_explained_by_the_line_above_it() -> None:
    lines = TEXT.splitlines()
    unexplained = [
        line.strip()
        for above, line in zip(["", *lines], lines, strict=False)
        if re.match(r"\s*[\w-]+:", line) and not above.lstrip().startswith("# ")
    ]
    assert unexplained == []


def test_every_object_of_the_schema_refuses_names_it_does_not_know() -> None:
    open_ones = [where for where, one in objects(SCHEMA, "") if not closed(one)]
    assert open_ones == []


def closed(schema: Mapping[str, Any]) -> bool:
    """Whether it refuses what it does not name; a map says what all of its values are."""
    return schema.get("additionalProperties", True) not in (True, {})


def objects(schema: Any, where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield where, schema
        for name, inner in schema.items():
            yield from objects(inner, f"{where}/{name}")


def test_every_value_has_a_default_and_every_default_a_schema() -> None:
    assert named(SCHEMA) - {"global"} == set(DEFAULTS)
    for name in named(SCHEMA) - {"global", "targets", "defaults"}:
        assert leaves(DEFAULTS[name], name) == schema_leaves(SCHEMA["properties"][name], name)
    section = schema_leaves(SCHEMA["$defs"]["section"], "defaults")
    missing = section - leaves(DEFAULTS["defaults"], "defaults")
    assert {one.rpartition(".")[2] for one in missing} <= {"cpu", "memory", "ephemeral-storage"}


def named(schema: Mapping[str, Any]) -> set[str]:
    return set(schema["properties"])


def leaves(value: Any, where: str) -> set[str]:
    if where.endswith("resources"):
        return {where}
    if not isinstance(value, dict) or not value:
        return {where}
    return {leaf for name, inner in value.items() for leaf in leaves(inner, f"{where}.{name}")}


def schema_leaves(schema: Any, where: str) -> set[str]:
    if where.endswith("resources"):
        return {where}
    return {
        leaf
        for name, inner in schema.get("properties", {}).items()
        for leaf in schema_leaves(inner, f"{where}.{name}")
    } or {where}


def test_the_test_of_all_values_leaves_none_at_its_default() -> None:
    assert set(EVERYTHING) == set(DEFAULTS)
    for name in set(DEFAULTS) - {"targets", "migration"}:
        for leaf in leaves(DEFAULTS[name], name):
            path = leaf.split(".")
            assert at(EVERYTHING, path) != at(DEFAULTS, path) or leaf == "serviceAccount.create"


def at(value: Any, path: list[str]) -> Any:
    for name in path:
        value = value[name]
    return value


@pytest.mark.parametrize(
    "values",
    [
        {"replicas": 2},
        {"image": {"tag": "latest"}},
        {"image": {"tag": 1.0}},
        {"image": {"digest": "sha256:abc"}},
        {"image": {"pullPolicy": "Sometimes"}},
        {"secrets": {"redis": {"url": "redis://:password@redis:6379/0"}}},
        {"secrets": {"database": {"existingSecret": ""}}},
        {"targets": {"kitchen": {}}},
        {"targets": {"orders": {"replica": 1}}},
        {"targets": {"orders": {"databasePool": 64}}},
        {"targets": {"orders": {"resources": {"limits": {"memory": "plenty"}}}}},
        {"targets": {"orders": {"autoscaling": {"minReplicas": 0}}}},
        {"env": {"MAITRED_MESH_PRIVATE_KEY": "in plain sight"}},
        {"env": {"MAITRED_DB_ORDERS_URL": "postgresql://in-plain-sight"}},
        {"env": {"MAITRED_ORDERS_LISTEN": "127.0.0.1:1"}},
        {"env": {"PATH": "/bin"}},
        {"env": {"MAITRED_CALL_TIMEOUT_S": 10}},
        {"listenHost": "127.0.0.1"},
        {"telemetry": {"logLevel": "loud"}},
        {"telemetry": {"traceRatio": 2}},
        {"drain": {"graceSeconds": 0}},
        {"service": {"port": 0}},
        {"ingress": {"hosts": ["a", "b"]}},
        {"trustedProxies": "10.0.0.0/8"},
        {"trustedProxies": ["ingress-nginx"]},
        {"model": {"apiBase": "model:8000"}},
        {"scheduling": {"tolerations": [{"keys": "a"}]}},
    ],
    ids=json.dumps,
)
def test_a_wrong_value_is_refused(values: Values) -> None:
    with pytest.raises(helm_python.HelmError, match=r"schema|additional|values"):
        render(values)
