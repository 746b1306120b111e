"""Which file of a service's room may import what; import-linter keeps the packages apart."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.repo.sources import ROOT, Import, files, imports

SERVICES = ("bandit", "coordinator", "learning", "orders", "retrieval")
# The only files that see the contracts, and with them protobuf and gRPC.
EDGES = {"service.py", "convert.py", "events.py", "consumer.py", "clients.py"}
# Files that reach outside the domain: the chassis and their own service.
OUTWARD = EDGES | {"wiring.py", "config.py", "store.py", "jobs.py"}
# Adapters: files that may import the third parties named here, and the chassis.
ADAPTERS: dict[str, set[str]] = {
    "services/bandit/applier.py": {"structlog"},
    "services/bandit/applying.py": {"asyncpg"},
    "services/bandit/audit.py": set(),
    "services/bandit/copies.py": {"structlog"},
    "services/bandit/metrics.py": {"prometheus_client"},
    "services/coordinator/documents.py": {"yaml"},
    "services/coordinator/feedback/jobs.py": {"structlog"},
    "services/coordinator/metrics.py": {"opentelemetry", "prometheus_client"},
    "services/learning/jobs.py": {"structlog"},
    "services/learning/metrics.py": {"prometheus_client"},
    "services/orders/webhooks/issuing.py": set(),
    "services/orders/webhooks/jobs.py": {"structlog"},
    "services/orders/webhooks/metrics.py": {"prometheus_client"},
    "services/orders/webhooks/queueing.py": set(),
    "services/orders/webhooks/retrying.py": set(),
    "services/orders/webhooks/sealing.py": {"cryptography"},
    "services/orders/webhooks/sending.py": {"httptools"},
    "services/orders/webhooks/signing.py": {"standardwebhooks"},
    "services/learning/running.py": set(),
    "services/retrieval/documents/jobs.py": {"structlog"},
    "services/retrieval/embedding.py": {"safetensors", "tokenizers"},
    "services/retrieval/metrics.py": {"prometheus_client"},
    "services/retrieval/search/dense.py": {"faiss"},
    "services/retrieval/search/replicas.py": {"structlog"},
    "services/retrieval/search/sparse.py": {"tantivy"},
    "services/coordinator/routing/sentiment.py": {"vaderSentiment"},
    "services/coordinator/models/openai/model.py": {"openai"},
}
THIRD_PARTIES = {
    "store.py": {"asyncpg"},
    "config.py": {"pydantic", "pydantic_settings"},
    "wiring.py": {"asyncpg", "redis"},
    **{name: {"google", "grpc", "maitred"} for name in EDGES},
}
CALCULUS = {"numpy", "rapidfuzz"}


def rooms() -> list[Path]:
    """The modules in the rooms of the five services, migrations aside."""
    return [
        path
        for path in files(".py", under=("services",))
        if path.parts[1] in SERVICES and "migrations" not in path.parts
    ]


def is_domain(path: Path) -> bool:
    return path.name not in OUTWARD and str(path) not in ADAPTERS


def resolve(found: Import) -> list[Path]:
    """The project files an import names: `from services.x import store` names store.py."""
    base = Path(*found.module.split("."))
    named = [base / f"{name}.py" for name in found.names if (ROOT / base / f"{name}.py").is_file()]
    if named:
        return named
    return [base / "__init__.py" if (ROOT / base).is_dir() else base.with_suffix(".py")]


def refusal(path: Path, found: Import) -> str | None:
    """Why this file may not import that, None when it may."""
    top = found.module.split(".")[0]
    if top in sys.stdlib_module_names or top in CALCULUS:
        return None
    if found.module.startswith("services.chassis"):
        return "domain modules know no chassis" if is_domain(path) else None
    if top == "services":
        return next((why for target in resolve(found) if (why := trespass(path, target))), None)
    if top == "maitred" and path.name not in EDGES:
        return f"only {', '.join(sorted(EDGES))} see the contracts"
    allowed = ADAPTERS.get(str(path), THIRD_PARTIES.get(path.name, set()))
    return None if top in allowed else f"{top} is not for {path.name}"


def trespass(path: Path, target: Path) -> str | None:
    """Why one file of the services may not import another, None when it may."""
    if target.parts[1] != path.parts[1]:
        return "services talk over RPC or events"
    if is_domain(path) and not is_domain(target):
        return f"domain modules know no {target.name}"
    if target.name == "store.py" and target.parent != path.parent and path.name != "wiring.py":
        return "a room never reads another room's store"
    return None


@pytest.mark.parametrize("path", rooms(), ids=str)
def test_a_module_imports_only_what_its_place_allows(path: Path) -> None:
    refused = [
        f"{path}:{found.line} imports {found.module}: {why}"
        for found in imports(path)
        if (why := refusal(path, found))
    ]
    assert refused == []


def test_every_adapter_in_the_table_exists() -> None:
    assert [path for path in ADAPTERS if not (ROOT / path).is_file()] == []


def test_no_test_folder_shadows_a_package() -> None:
    shadows = {
        str(path.parent)
        for path in files(".py", under=("tests",))
        if {"services", "gateway"} & set(path.parts)
    }
    assert shadows == set()
