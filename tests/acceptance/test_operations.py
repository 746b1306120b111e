"""What who runs a mesh looks at: health, reflection, metrics and the request id in the logs."""

import asyncio
import json
import re
from typing import Any
from uuid import uuid4

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from services.assembly.demo.access import DemoTenant
from tests.support.mesh import RunningMesh, wait_until
from tests.support.people import answered, client, decision, order, session

SERVICES = {
    "gateway": {
        "maitred.identity.v1.ApiKeyService",
        "maitred.identity.v1.PresenceService",
        "maitred.identity.v1.TenantService",
    },
    "coordinator": {
        "maitred.coordinator.v1.AgentService",
        "maitred.coordinator.v1.ChatService",
        "maitred.coordinator.v1.FeedbackService",
        "maitred.coordinator.v1.SessionService",
    },
    "orders": {
        "maitred.orders.v1.CartService",
        "maitred.orders.v1.CatalogService",
        "maitred.orders.v1.CatalogTransferService",
        "maitred.orders.v1.OrderService",
        "maitred.orders.v1.PromotionService",
        "maitred.orders.v1.QuoteService",
        "maitred.orders.v1.WebhookService",
    },
    "bandit": {"maitred.bandit.v1.DecisionService", "maitred.bandit.v1.PolicyService"},
    "learning": {
        "maitred.learning.v1.CycleService",
        "maitred.learning.v1.RecommendationService",
        "maitred.learning.v1.TrustService",
    },
    "relay": {"maitred.events.v1.DeadLetterService"},
    "worker": {"maitred.jobs.v1.JobService"},
    "retrieval": {"maitred.retrieval.v1.DocumentService", "maitred.retrieval.v1.SearchService"},
}
EVERY_SERVER = {"grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}


@pytest.mark.parametrize("name", SERVICES)
async def test_health_tells_liveness_and_readiness_to_anyone(mesh: RunningMesh, name: str) -> None:
    async with grpc.aio.insecure_channel(mesh.address(name, "grpc")) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        for service in ("", *SERVICES[name]):
            answer = await health.Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING, service
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await health.Check(health_pb2.HealthCheckRequest(service="maitred.unknown"))
    assert unknown.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("name", SERVICES)
async def test_reflection_lists_what_is_served_to_anyone(mesh: RunningMesh, name: str) -> None:
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    async with grpc.aio.insecure_channel(mesh.address(name, "grpc")) as opened:
        # Its stubs know gRPC's synchronous API only.
        channel: Any = opened
        reflection: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
        answers = [answer async for answer in reflection.ServerReflectionInfo(iter([request]))]

    listed = {one.name for one in answers[0].list_services_response.service}
    assert listed == SERVICES[name] | EVERY_SERVER


async def test_what_happens_is_counted_under_fixed_names(
    mesh: RunningMesh, guest: httpx.AsyncClient, coffee_bar: DemoTenant
) -> None:
    async with guest.stream("GET", "/api/v1/events"):
        path = f"/api/v1/sessions/{await session(guest)}/messages"
        answered(await guest.post(path, json={"text": "a latte"}))
        await decision(guest)
        await order(guest)
    async with client(mesh, coffee_bar.manager_key) as manager:
        for asked in ("api-keys", "dead-letters", "jobs"):
            answered(await manager.get(f"/api/v1/{asked}"))

    published = ("maitred_events_published_total", ())
    await asyncio.to_thread(wait_until, lambda: published in series(mesh, "relay"), 60)
    counted = {name: series(mesh, name) for name in SERVICES}
    assert {
        ("coordinator_node_execution_total", ("node", "status")),
        ("coordinator_node_execution_duration_seconds_count", ("node",)),
        ("coordinator_routing_decisions_total", ("profile", "route")),
        ("coordinator_bandit_decisions_total", ("arm", "policy")),
    } <= counted["coordinator"]
    assert ("gateway_http_requests_total", ("method", "route", "status")) in counted["gateway"]
    assert ("bandit_decisions_total", ("arm", "policy")) in counted["bandit"]
    for name in SERVICES.keys() - {"gateway"}:
        assert "grpc_server_handled_total" in {series for series, _ in counted[name]}


async def test_metrics_are_on_the_admin_port_alone(
    mesh: RunningMesh, guest: httpx.AsyncClient
) -> None:
    assert (await guest.get("/metrics")).status_code == 404
    assert answered(await guest.get("/health")).json() == {"status": "ok"}


async def test_a_request_id_is_in_the_answer_and_in_the_logs(
    mesh: RunningMesh, guest: httpx.AsyncClient
) -> None:
    request_id = f"order-{uuid4().hex}"
    missing = await guest.get(
        f"/api/v1/orders/ord_{uuid4().hex}", headers={"x-request-id": request_id}
    )

    assert missing.headers["x-request-id"] == request_id
    assert missing.json()["instance"] == request_id
    # It is written once the answer is sent.
    await asyncio.to_thread(wait_until, lambda: f'"{request_id}"' in mesh.log("gateway"), 60)
    logged = [
        line
        for text in mesh.log("gateway").splitlines()
        if text.startswith("{") and (line := json.loads(text)).get("request_id") == request_id
    ]
    assert [line["status"] for line in logged] == [404]


def series(mesh: RunningMesh, name: str) -> set[tuple[str, tuple[str, ...]]]:
    """Series of a process that have counted something: their names and those of their labels."""
    found = set()
    for line in httpx.get(f"http://{mesh.address(name, 'admin')}/metrics").text.splitlines():
        match = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if match and float(match[3]) > 0:
            labels = sorted(set(re.findall(r'(\w+)="', match[2] or "")) - {"le"})
            found.add((match[1], tuple(labels)))
    return found
