"""The chart agrees with the code: its targets, ports, peers, settings and secrets."""

from collections.abc import Sequence
from typing import Any, cast

import pytest
from google.protobuf.descriptor_pool import Default

import gateway.routes
from services.assembly.config import AssemblyConfig
from services.assembly.migrations import schemas
from services.assembly.targets import LISTEN_FIELDS, TARGETS, Target
from services.chassis.run.config import ProcessConfig, Settings
from tests.chart.chart import EVERYTHING, Rendered, container, environment, of_kind, render, secrets

IDS = [target.name for target in TARGETS]
# Every process has a setting for these; not every one needs them.
UNUSED = {
    "coordinator": {"REDIS_URL"},
    "retrieval": {"REDIS_URL"},
}
DRAIN = {"MAITRED_DRAIN_DELAY_S", "MAITRED_DRAIN_GRACE_S"}


@pytest.fixture(scope="module")
def rendered() -> Sequence[Rendered]:
    return render({"secrets": EVERYTHING["secrets"], "model": EVERYTHING["model"]})


def test_the_chart_has_every_target(rendered: Sequence[Rendered]) -> None:
    assert of_kind("Deployment", rendered).keys() == {target.name for target in TARGETS}


@pytest.mark.parametrize("target", TARGETS, ids=IDS)
def test_a_target_is_served_where_its_settings_would(
    rendered: Sequence[Rendered], target: Target
) -> None:
    one = of_kind("Deployment", rendered)[target.name]
    ports = {port["name"]: port["containerPort"] for port in container(one)["ports"]}
    config = target.load().config
    told = environment(one, rendered)
    assert container(one)["args"] == ["serve", target.name]
    assert ports.keys() == set(target.kinds)
    for kind, port in ports.items():
        field = LISTEN_FIELDS[kind]
        assert config.model_fields[field].default.rpartition(":")[2] == str(port)
        assert told[config.variable(field)] == f"0.0.0.0:{port}"


@pytest.mark.parametrize("target", TARGETS, ids=IDS)
def test_a_target_finds_everyone_it_calls(rendered: Sequence[Rendered], target: Target) -> None:
    services = of_kind("Service", rendered)
    told = environment(of_kind("Deployment", rendered)[target.name], rendered)
    for peer in target.load().config().peers():
        scheme, _, address = told[f"MAITRED_{peer.upper()}_ADDRESS"].rpartition("/")
        if peer == target.name:
            continue
        host, _, port = address.partition(":")
        meta = services[peer]["metadata"]
        assert scheme == "dns://"
        assert host == f"{meta['name']}.{meta['namespace']}.svc.cluster.local"
        assert int(port) == services[peer]["spec"]["ports"][0]["port"]


@pytest.mark.parametrize("target", TARGETS, ids=IDS)
def test_only_callers_may_connect_where_networks_are_guarded(target: Target) -> None:
    policies = of_kind("NetworkPolicy", render({"networkPolicy": {"enabled": True}}))
    admitted = {
        source["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
        for rule in policies[target.name]["spec"]["ingress"]
        for source in rule.get("from", ())
        if "podSelector" in source
    }
    callers = {
        one.name
        for one in TARGETS
        if one.name != target.name and target.name in one.load().config().peers()
    }
    assert admitted == callers


@pytest.mark.parametrize("target", TARGETS, ids=IDS)
def test_a_target_is_told_of_nothing_that_no_setting_is_named(
    rendered: Sequence[Rendered], target: Target
) -> None:
    one = of_kind("Deployment", rendered)[target.name]
    classes: list[type[Settings]] = [AssemblyConfig, *(each.load().config for each in TARGETS)]
    known = {config.variable(field) for config in classes for field in config.model_fields}
    own = target.load().config
    assert environment(one, rendered).keys() - known == set()
    given = {entry["name"] for entry in container(one)["env"]}
    assert given - {own.variable(field) for field in own.model_fields} == set()


@pytest.mark.parametrize("target", TARGETS, ids=IDS)
def test_a_target_is_given_every_secret_it_has_a_setting_for(
    rendered: Sequence[Rendered], target: Target
) -> None:
    own = target.load().config
    asked = {own.variable(field) for field in own.model_fields if is_secret(own, field)}
    asked -= UNUSED.get(target.name, set())
    if not target.mints:
        asked.discard("MAITRED_MESH_PRIVATE_KEY")
    given = secrets(of_kind("Deployment", rendered)[target.name]).keys()
    assert given - {"MAITRED_MESH_PUBLIC_KEYS"} == asked


def is_secret(config: type[ProcessConfig], field: str) -> bool:
    extra = cast("dict[str, Any]", config.model_fields[field].json_schema_extra)
    return bool(extra["sensitive"])


def test_readiness_is_asked_of_a_service_that_exists(rendered: Sequence[Rendered]) -> None:
    # The routes import every contract.
    assert gateway.routes.CONTRACTS
    for target, one in of_kind("Deployment", rendered).items():
        if grpc := container(one)["readinessProbe"].get("grpc"):
            assert Default().FindServiceByName(grpc["service"]).name, target


def test_the_migration_is_told_the_role_of_every_schema(rendered: Sequence[Rendered]) -> None:
    [job] = of_kind("Job", rendered).values()
    urls = {f"MAITRED_DB_{target.upper()}_URL" for target in schemas()}
    assert secrets(job).keys() == urls | {"DATABASE_URL"}


def test_the_drain_is_told_to_the_process_and_to_the_cluster_alike(
    rendered: Sequence[Rendered],
) -> None:
    for one in of_kind("Deployment", rendered).values():
        told = environment(one, rendered)
        drain = sum(float(told[name]) for name in DRAIN)
        assert one["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > drain
