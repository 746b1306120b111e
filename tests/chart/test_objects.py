"""What the chart renders: valid Kubernetes, in the ways that matter to a cluster."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import helm_python
import kubernetes_validate
import pytest
import yaml

from services.assembly.home import CHECKOUT
from tests.chart.chart import (
    CHART,
    EVERYTHING,
    PREFIX,
    Rendered,
    Values,
    container,
    environment,
    notes,
    of_kind,
    pod,
    render,
    secrets,
)

# Others whose jobs a target runs, each in its own service's role.
WORKS_FOR = {"worker": ("learning", "orders")}
OLDEST = "1.29"
NEWEST: str = kubernetes_validate.latest_version()
ERROR = 2
VARIANTS: Mapping[str, Values] = {
    "defaults": {},
    "everything": EVERYTHING,
    "nothing": {
        "migration": {"enabled": False},
        "serviceAccount": {"create": False},
        "podDisruptionBudget": {"enabled": False},
        "networkPolicy": {"enabled": True},
        "telemetry": {"prometheusAnnotations": False},
    },
}


@pytest.fixture(scope="module")
def default() -> Sequence[Rendered]:
    return render()


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_every_object_is_valid_to_the_letter(values: Values, version: str) -> None:
    rendered = render(values)
    for one in rendered:
        # Strictly: a field that Kubernetes does not know is refused.
        kubernetes_validate.validate(one, version, strict=True)
    assert len({(one["kind"], one["metadata"]["name"]) for one in rendered}) == len(rendered)


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_it_lints(values: Values) -> None:
    report = helm_python.lint(CHART, dict(values), strict=True, kube_version=f"v{OLDEST}.0")
    assert report["errors"] == []
    assert [one for one in report["messages"] if one["severity"] >= ERROR] == []


def test_the_release_is_the_one_that_the_project_is() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    assert chart["appVersion"] == project["version"]


def test_the_image_has_a_version(default: Sequence[Rendered]) -> None:
    images = {container(one)["image"] for one in workloads(default)}
    assert images == {"maitred:0.1.0"}
    pinned = {container(one)["image"] for one in workloads(render(EVERYTHING))}
    assert pinned == {f"registry.example.com:5000/maitred@sha256:{'0' * 64}"}


def test_no_container_may_more_than_it_needs(default: Sequence[Rendered]) -> None:
    for one in workloads(default):
        assert pod(one)["securityContext"] == {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        assert container(one)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert pod(one)["automountServiceAccountToken"] is False
        # MAITRED_GATEWAY_PORT and its like would be taken for settings.
        assert pod(one)["enableServiceLinks"] is False


def test_the_chart_makes_no_secret_and_shows_none(default: Sequence[Rendered]) -> None:
    assert of_kind("Secret", default) == {}
    for one in default:
        assert "PRIVATE KEY" not in json.dumps(one)


def test_secrets_are_looked_for_under_the_names_that_were_said() -> None:
    said = {one["existingSecret"] for one in EVERYTHING["secrets"].values()}
    read = {name for one in workloads(render(EVERYTHING)) for name, _ in secrets(one).values()}
    assert read == said


def test_only_the_gateway_is_given_the_key_that_signs(default: Sequence[Rendered]) -> None:
    signing = {
        target
        for target, one in of_kind("Deployment", default).items()
        if ("maitred-mesh", "private.pem") in secrets(one).values()
    }
    assert signing == {"gateway"}


def test_a_pod_is_given_the_database_of_its_own_service_alone(default: Sequence[Rendered]) -> None:
    for target, one in of_kind("Deployment", default).items():
        keys = {key for name, key in secrets(one).values() if name == "maitred-database"}
        assert keys == {target, *WORKS_FOR.get(target, ())}


def test_liveness_is_not_readiness(default: Sequence[Rendered]) -> None:
    """A database that is gone makes pods unready; restarting them would not bring it back."""
    for target, one in of_kind("Deployment", default).items():
        live, ready = container(one)["livenessProbe"], container(one)["readinessProbe"]
        assert container(one)["startupProbe"].items() >= asked(live).items()
        if target == "gateway":
            assert asked(live) == {"httpGet": {"path": "/health", "port": "http"}}
            assert asked(ready) == {"httpGet": {"path": "/healthz", "port": "admin"}}
        else:
            area = {"relay": "events", "worker": "jobs"}.get(target, target)
            assert live["grpc"]["service"] == ""
            assert ready["grpc"]["service"].startswith(f"maitred.{area}.v1.")
            assert live["grpc"]["port"] == ready["grpc"]["port"]


def asked(probe: Mapping[str, Any]) -> dict[str, Any]:
    """How a probe asks, without how often."""
    return {how: probe[how] for how in ("grpc", "httpGet") if how in probe}


def test_a_pod_is_given_longer_to_stop_than_it_takes_to_drain() -> None:
    for one in of_kind("Deployment", render({"drain": {"graceSeconds": 50}})).values():
        assert pod(one)["terminationGracePeriodSeconds"] == 5 + 50 + 10


def test_callers_see_every_pod_of_a_grpc_target(default: Sequence[Rendered]) -> None:
    services = of_kind("Service", default)
    assert services.keys() == of_kind("Deployment", default).keys()
    for target, service in services.items():
        [port] = service["spec"]["ports"]
        if target == "gateway":
            assert service["spec"]["type"] == "ClusterIP"
            assert (port["port"], port["targetPort"]) == (80, "http")
        else:
            assert service["spec"]["clusterIP"] == "None"
            assert port["targetPort"] == "grpc"


def test_a_service_selects_the_pods_of_its_target_alone(default: Sequence[Rendered]) -> None:
    deployments = of_kind("Deployment", default)
    for target, service in of_kind("Service", default).items():
        selecting = {
            name
            for name, one in deployments.items()
            if service["spec"]["selector"].items()
            <= one["spec"]["template"]["metadata"]["labels"].items()
        }
        assert selecting == {target}


def test_the_schema_is_migrated_before_anything_else_exists(default: Sequence[Rendered]) -> None:
    [job] = of_kind("Job", default).values()
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert container(job)["args"] == ["migrate"]
    assert "serviceAccountName" not in pod(job)
    assert "envFrom" not in container(job)
    assert secrets(job)["DATABASE_URL"] == ("maitred-database", "migrator")


def test_a_changed_setting_starts_new_pods() -> None:
    before, after = (
        of_kind("Deployment", render({"telemetry": {"logLevel": level}}))["orders"]
        for level in ("info", "debug")
    )
    annotations = [
        one["spec"]["template"]["metadata"]["annotations"]["checksum/settings"]
        for one in (before, after)
    ]
    assert annotations[0] != annotations[1]


def test_the_gateway_is_told_which_proxies_it_may_believe() -> None:
    for networks, told in ([], None), (["10.0.0.0/8", "fd00::/8"], "10.0.0.0/8,fd00::/8"):
        rendered = render({"trustedProxies": networks})
        variables = environment(of_kind("Deployment", rendered)["gateway"], rendered)
        assert variables.get("MAITRED_GATEWAY_TRUSTED_PROXIES") == told


@pytest.mark.parametrize(
    ("values", "is_told"),
    [
        ({"ingress": {"enabled": True, "host": "eat.example.com"}}, True),
        (
            {
                "ingress": {"enabled": True, "host": "eat.example.com"},
                "trustedProxies": ["10.0.0.0/8"],
            },
            False,
        ),
        ({}, False),
    ],
)
def test_who_puts_an_ingress_before_guests_is_told_to_name_it(
    values: Values, is_told: bool
) -> None:
    assert ("Set trustedProxies" in notes(values)) == is_told


def test_an_autoscaler_is_not_fought_by_a_number_of_replicas() -> None:
    rendered = render({"targets": {"orders": {"autoscaling": {"enabled": True}}}})
    deployments = of_kind("Deployment", rendered)
    assert "replicas" not in deployments["orders"]["spec"]
    assert deployments["relay"]["spec"]["replicas"] == 2
    scaler = of_kind("HorizontalPodAutoscaler", rendered)["orders"]
    assert scaler["spec"]["scaleTargetRef"]["name"] == f"{PREFIX}-orders"


def test_a_target_takes_the_defaults_it_does_not_change() -> None:
    rendered = render({"defaults": {"replicas": 4}, "targets": {"orders": {"replicas": 1}}})
    replicas = {
        target: one["spec"]["replicas"] for target, one in of_kind("Deployment", rendered).items()
    }
    assert replicas.pop("orders") == 1
    assert set(replicas.values()) == {4}


def workloads(rendered: Sequence[Rendered]) -> list[Rendered]:
    return [one for one in rendered if one["kind"] in ("Deployment", "Job")]
