"""The OpenAPI document: all that is served, as the contracts and the surfaces say it."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.openapi.document import OpenApi
from gateway.routes import CONTRACTS
from gateway.transcoding.bindings import bindings

KEYED = (
    "/api/v1/orders",
    "/api/v1/quotes",
    "/api/v1/sessions",
    "/api/v1/products:import",
    "/api/v1/catalog:import",
    "/api/v1/catalog:export",
    "/api/v1/products:setAvailability",
    "/api/v1/products/{product_id}:setStock",
    "/api/v1/products/{product_id}:adjustStock",
    "/api/v1/promotions",
    "/api/v1/orders/{order_id}:recordPayment",
    "/api/v1/orders/{order_id}:transition",
    "/api/v1/sessions/{session_id}/messages",
    "/api/v1/feedback/submit",
    "/api/v1/documents",
    "/api/v1/policies/{policy_id}:rank",
    "/api/v1/learning/cycles",
    "/api/v1/webhooks",
    "/api/v1/webhooks/{webhook_id}:rotateSecret",
    "/api/v1/webhooks/{webhook_id}:test",
    "/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}:retry",
    "/api/v1/webhooks/{webhook_id}/deliveries:retryFailed",
)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return OpenApi(bindings(CONTRACTS)).document


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in document["paths"].values() for operation in path.values()]


def parameters(operation: dict[str, Any], place: str) -> dict[str, bool]:
    return {
        parameter["name"]: parameter.get("required", False)
        for parameter in operation.get("parameters", ())
        if parameter["in"] == place
    }


def good(operation: dict[str, Any], media_type: str = "application/json") -> Any:
    return operation["responses"]["200"]["content"][media_type]["schema"]


def test_every_annotated_method_and_every_surface_is_described(document: dict[str, Any]) -> None:
    described = {
        (method.upper(), path) for path, item in document["paths"].items() for method in item
    }
    annotated = {(binding.verb, binding.path) for binding in bindings(CONTRACTS)}
    assert described - annotated == {
        ("POST", "/api/v1/sessions/{session_id}/messages"),
        ("GET", "/api/v1/events"),
        ("GET", "/health/workers"),
        ("POST", "/api/v1/auth/guest"),
        ("POST", "/api/v1/auth/session"),
        ("POST", "/api/v1/auth/ticket"),
        ("GET", "/ws"),
        ("GET", "/ws/orders"),
    }
    assert annotated <= described


def test_every_reference_is_defined(document: dict[str, Any]) -> None:
    def references(value: object) -> set[str]:
        match value:
            case {"$ref": str(target)}:
                return {target}
            case dict():
                return set().union(*(references(one) for one in value.values()))
            case list():
                return set().union(*(references(one) for one in value))
        return set()

    for target in references(document):
        root, *path = target.split("/")
        assert root == "#"
        found: Any = document
        for name in path:
            found = found[name]


def test_what_the_contract_says_is_said(document: dict[str, Any]) -> None:
    place = document["paths"]["/api/v1/orders"]["post"]
    assert place["operationId"] == "OrderService.PlaceOrder"
    assert place["summary"] == "Makes an order of a quote, exactly once"
    body = place["requestBody"]["content"]["application/json"]["schema"]
    assert set(body["properties"]) == {
        "quote_id",
        "session_id",
        "decision_id",
        "recommendation_ids",
        "note",
        "payment_reference",
        "quote_signature",
    }
    assert body["properties"]["quote_id"]["pattern"] == "^quo_[0-9a-f]{32}$"
    assert good(place)["$ref"] == "#/components/schemas/Order"


def test_each_service_says_what_it_is(document: dict[str, Any]) -> None:
    described = {tag["name"]: tag["description"] for tag in document["tags"]}
    assert described["QuoteService"] == "Quotes: prices that hold for a while."
    assert "mesh token" in described["TenantService"]


def test_what_may_not_be_left_out_is_required(document: dict[str, Any]) -> None:
    def required(path: str) -> list[str]:
        body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        found: list[str] = body["schema"].get("required", [])
        return found

    assert required("/api/v1/orders") == ["quote_id"]
    assert required("/api/v1/quotes") == ["cart"]
    assert required("/api/v1/orders/{order_id}:transition") == ["status"]
    assert required("/api/v1/sessions/{session_id}/messages") == ["text"]
    assert required("/api/v1/sessions") == []
    schemas = document["components"]["schemas"]
    assert schemas["CartLine"]["required"] == ["product_id", "quantity"]
    assert schemas["CreateApiKeyRequest"]["required"] == ["display_name", "roles"]
    search = document["paths"]["/api/v1/products:search"]["get"]
    optional = ("limit", "category", "name_prefix", "without_allergens", "available_only")
    assert parameters(search, "query") == {"query": True} | dict.fromkeys(optional, False)


def test_writes_that_take_a_key_say_so(document: dict[str, Any]) -> None:
    keyed = {
        path: parameters(item["post"], "header")["Idempotency-Key"]
        for path, item in document["paths"].items()
        if "Idempotency-Key" in parameters(item.get("post", {}), "header")
    }
    assert keyed == {path: path == "/api/v1/orders" for path in KEYED}
    for path in KEYED:
        answer = document["paths"][path]["post"]["responses"]["200"]
        assert "idempotent-replayed" in answer["headers"]


def test_every_operation_may_fail_with_a_problem(document: dict[str, Any]) -> None:
    assert all(
        operation["responses"]["default"] == {"$ref": "#/components/responses/Problem"}
        for operation in operations(document)
    )
    assert list(document["components"]["responses"]["Problem"]["content"]) == [
        "application/problem+json"
    ]


def events(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The kinds of events of a stream, by name."""
    kinds = good(operation, "text/event-stream")["items"]["oneOf"]
    return {kind["properties"]["event"]["const"]: kind["properties"] for kind in kinds}


def test_a_chats_events_are_named_and_described(document: dict[str, Any]) -> None:
    chat = events(document["paths"]["/api/v1/sessions/{session_id}/messages"]["post"])
    described = {name: kind["data"]["contentSchema"]["$ref"] for name, kind in chat.items()}
    schemas = "#/components/schemas/"
    assert described == {
        "token": schemas + "Token",
        "tool_call": schemas + "ToolCall",
        "cart": schemas + "Cart",
        "order": schemas + "Order",
        "citation": schemas + "Citation",
        "usage": schemas + "Usage",
        "done": schemas + "Done",
        "error": schemas + "Problem",
    }
    assert not any("id" in kind for kind in chat.values())


def test_the_tenants_events_are_named_and_described(document: dict[str, Any]) -> None:
    operation = document["paths"]["/api/v1/events"]["get"]
    assert parameters(operation, "header") == {"Last-Event-ID": False}
    assert parameters(operation, "query") == {"cursor": False, "types": False}
    stream = events(operation)
    told = {"order", "feedback", "recommendation", "session", "trust", "index", "tenant"}
    assert stream.keys() == told | {"reset", "message", "cutoff"}
    assert {name for name, kind in stream.items() if "id" in kind} == told | {"reset"}
    schemas = document["components"]["schemas"]
    order = schemas[stream["order"]["data"]["contentSchema"]["$ref"].rpartition("/")[2]]
    assert order["properties"]["data"] == {"$ref": "#/components/schemas/OrderV1"}
    assert "order_id" in schemas["OrderV1"]["required"]


def test_a_path_may_name_a_field_of_the_body(document: dict[str, Any]) -> None:
    change = document["paths"]["/api/v1/agents/{agent.agent_id}"]["put"]
    assert parameters(change, "path") == {"agent.agent_id": True}
    assert parameters(change, "query") == {}
