"""The chart as Helm renders it, and the values it is rendered with."""

from collections.abc import Mapping, Sequence
from typing import Any

import helm_python
import yaml

from services.assembly.home import CHECKOUT

CHART = CHECKOUT / "deploy" / "helm" / "maitred"
RELEASE = "shop"
NAMESPACE = "food"
PREFIX = f"{RELEASE}-maitred"

Values = Mapping[str, Any]
Rendered = Mapping[str, Any]
"""One Kubernetes object."""

SECTION: Values = {
    "replicas": 3,
    "databasePool": 5,
    "resources": {"requests": {"cpu": 1, "ephemeral-storage": "1Gi"}, "limits": {"cpu": "1500m"}},
    "autoscaling": {
        "enabled": True,
        "minReplicas": 3,
        "maxReplicas": 5,
        "targetCPUPercent": 80,
    },
    "env": {"MAITRED_ORDERS_QUOTE_LIFETIME_S": "60"},
    "podAnnotations": {"example.com/note": "hello"},
    "podLabels": {"team": "kitchen"},
}
# Every value of the chart, unlike its default.
EVERYTHING: Values = {
    "image": {
        "repository": "registry.example.com:5000/maitred",
        "tag": "1.2.3",
        "digest": f"sha256:{'0' * 64}",
        "pullPolicy": "Always",
        "pullSecrets": ["registry"],
    },
    "fullnameOverride": "house",
    "clusterDomain": "cluster.example",
    "listenHost": "[::]",
    "secrets": {
        "database": {"existingSecret": "a"},
        "redis": {"existingSecret": "b", "key": "B"},
        "mesh": {"existingSecret": "c", "publicKey": "C1", "privateKey": "C2"},
        "pageTokens": {"existingSecret": "d", "key": "D"},
        "quotes": {"existingSecret": "q", "key": "Q", "keyBefore": "Q0"},
        "sealing": {"existingSecret": "s", "key": "S"},
        "openai": {"existingSecret": "e", "key": "E"},
    },
    "model": {"apiBase": "http://model:8000/v1", "name": "waiter"},
    "learning": {"enabled": False, "tracking": False, "jobs": False, "routing": False},
    "telemetry": {
        "logLevel": "debug",
        "otlpEndpoint": "http://collector:4318",
        "traceRatio": 0.1,
        "prometheusAnnotations": False,
    },
    "drain": {"delaySeconds": 1, "graceSeconds": 2},
    "env": {"MAITRED_CALL_TIMEOUT_S": "10"},
    "defaults": SECTION,
    "targets": {"orders": {**SECTION, "replicas": 1}},
    "migration": {
        "enabled": True,
        "deadlineSeconds": 60,
        "backoffLimit": 0,
        "resources": SECTION["resources"],
    },
    "serviceAccount": {"create": True, "name": "waiter", "annotations": {"example.com/a": "b"}},
    "service": {"type": "LoadBalancer", "port": 8000, "annotations": {"example.com/a": "b"}},
    "ingress": {
        "enabled": True,
        "className": "nginx",
        "annotations": {"example.com/a": "b"},
        "host": "eat.example.com",
        "tlsSecret": "certificate",
    },
    "trustedProxies": ["10.0.0.0/8", "fd00::/8"],
    "podDisruptionBudget": {"enabled": False},
    "networkPolicy": {"enabled": True, "metricsNamespaceLabels": {"name": "monitoring"}},
    "scheduling": {
        "nodeSelector": {"pool": "food"},
        "tolerations": [{"key": "food", "operator": "Exists", "effect": "NoSchedule"}],
        "priorityClassName": "high",
        "topologyKey": "topology.kubernetes.io/zone",
    },
}


def render(values: Values | None = None) -> Sequence[Rendered]:
    """Every object of a release with these values on top of the defaults."""
    return [
        rendered
        for name, text in _files(values).items()
        if name.endswith(".yaml")
        for rendered in yaml.safe_load_all(text)
        if rendered
    ]


def notes(values: Values | None = None) -> str:
    """What who installs a release with these values is told."""
    return _files(values)["maitred/templates/NOTES.txt"]


def _files(values: Values | None) -> Mapping[str, str]:
    with helm_python.Chart.load(CHART) as chart:
        files: Mapping[str, str] = chart.render(
            dict(values or {}), name=RELEASE, namespace=NAMESPACE
        )
    return files


def of_kind(kind: str, rendered: Sequence[Rendered]) -> dict[str, Any]:
    """The objects of one kind by the target they are for; by name where they are for none."""
    return {
        one["metadata"]["labels"].get("app.kubernetes.io/component", one["metadata"]["name"]): one
        for one in rendered
        if one["kind"] == kind
    }


def pod(workload: Rendered) -> Any:
    """The pod's specification of a Deployment or Job."""
    return workload["spec"]["template"]["spec"]


def container(workload: Rendered) -> Any:
    """Its only container."""
    [only] = pod(workload)["containers"]
    return only


def environment(workload: Rendered, rendered: Sequence[Rendered]) -> dict[str, str]:
    """What the container is told in plain text: ConfigMaps first, its own variables on top."""
    maps = {one["metadata"]["name"]: one["data"] for one in rendered if one["kind"] == "ConfigMap"}
    told: dict[str, str] = {}
    for source in container(workload).get("envFrom", ()):
        told |= maps[source["configMapRef"]["name"]]
    return told | {
        one["name"]: one["value"] for one in container(workload)["env"] if "value" in one
    }


def secrets(workload: Rendered) -> dict[str, tuple[str, str]]:
    """What it is given out of Secrets: the Secret's name and key by variable."""
    return {
        one["name"]: (reference["name"], reference["key"])
        for one in container(workload)["env"]
        if (reference := one.get("valueFrom", {}).get("secretKeyRef"))
    }
