"""HTTP requests become the request messages of annotated methods."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import Message
from maitred.coordinator.v1 import agent_service_pb2, session_service_pb2
from maitred.identity.v1 import api_key_service_pb2, tenant_service_pb2
from maitred.orders.v1 import (
    catalog_service_pb2,
    order_pb2,
    order_service_pb2,
    quote_service_pb2,
)

from gateway.transcoding.bindings import Binding, bindings
from gateway.transcoding.decoding import MalformedInput, MalformedParameter
from gateway.transcoding.query import QueryReader
from tests.unit.rest.messages import every_kind

FILES = [
    module.DESCRIPTOR
    for module in (
        agent_service_pb2,
        api_key_service_pb2,
        catalog_service_pb2,
        order_service_pb2,
        quote_service_pb2,
        session_service_pb2,
        tenant_service_pb2,
    )
]
BY_NAME = {binding.method.name: binding for binding in bindings(FILES)}
ORDER = "ord_" + "a" * 32


def bound(name: str) -> Binding:
    return BY_NAME[name]


def test_every_annotated_method_is_bound() -> None:
    assert {"PlaceOrder", "TransitionOrder", "ListTurns", "CreateApiKey", "GetTenant"} <= set(
        BY_NAME
    )


def test_a_path_variable_fills_its_field() -> None:
    request = bound("TransitionOrder").request(
        [ORDER], "", b'{"status":"ORDER_STATUS_READY","version":"3","order_id":"other"}'
    )
    assert request == order_service_pb2.TransitionOrderRequest(
        order_id=ORDER, status=order_pb2.ORDER_STATUS_READY, version=3
    )


def test_a_path_variable_wins_over_the_body_in_either_spelling() -> None:
    request = bound("TransitionOrder").request([ORDER], "", b'{"orderId":"other"}')
    assert request == order_service_pb2.TransitionOrderRequest(order_id=ORDER)


@pytest.mark.parametrize("name", ["agent_id", "agentId"])
def test_a_path_variable_may_fill_a_field_of_the_bodys_message(name: str) -> None:
    body = f'{{"{name}":"other","suggested_product_ids":["flapjack"]}}'.encode()
    assert bound("UpdateAgent").request(
        ["seller"], "", body
    ) == agent_service_pb2.UpdateAgentRequest(
        agent=agent_service_pb2.Agent(agent_id="seller", suggested_product_ids=["flapjack"])
    )
    with pytest.raises(MalformedInput, match="must be an object"):
        bound("UpdateAgent").request(["seller"], "", b"3")


@pytest.mark.parametrize(
    "query",
    [
        "page_size=5&status=ORDER_STATUS_PLACED&page_token=a%20b",
        "pageSize=5&status=1&pageToken=a+b",
    ],
)
def test_query_parameters_fill_fields(query: str) -> None:
    assert bound("ListOrders").request([], query, b"") == order_service_pb2.ListOrdersRequest(
        page_size=5, status=order_pb2.ORDER_STATUS_PLACED, page_token="a b"
    )


@pytest.mark.parametrize(
    "query", ["colour=red", "page_size=1&page_size=2", "page_size=many", "status=READY"]
)
def test_a_wrong_query_is_a_parameters_fault(query: str) -> None:
    with pytest.raises(MalformedParameter):
        bound("ListOrders").request([], query, b"")


def test_faults_of_path_query_and_body_are_told_apart() -> None:
    transition = bound("TransitionOrder")
    with pytest.raises(MalformedParameter, match="order_id"):
        transition.request(["a\0b"], "", b"{}")
    with pytest.raises(MalformedParameter, match="status"):
        transition.request([ORDER], "status=READY", b"{}")
    for body in (b'{"status":[]}', b"{", b"[]", b'{"order_id":1,"colour":1}'):
        with pytest.raises(MalformedInput) as caught:
            transition.request([ORDER], "", body)
        assert type(caught.value) is MalformedInput


def test_a_key_fills_the_request_id() -> None:
    request = bound("PlaceOrder").request([], "", b'{"quote_id":"q"}', key="k")
    assert request == order_service_pb2.PlaceOrderRequest(quote_id="q", request_id="k")


def test_a_key_that_contradicts_the_body_is_refused() -> None:
    with pytest.raises(MalformedInput, match="request_id"):
        bound("PlaceOrder").request([], "", b'{"requestId":"other"}', key="k")


def test_only_placing_an_order_needs_a_key() -> None:
    assert [name for name, binding in BY_NAME.items() if binding.needs_key] == ["PlaceOrder"]
    assert bound("CreateQuote").takes_key
    assert not bound("GetTurn").takes_key


def test_a_response_is_unwrapped_as_annotated() -> None:
    binding = bound("GetOrder")
    response = order_service_pb2.GetOrderResponse(order=order_pb2.Order(order_id=ORDER))
    assert binding.encode(response).startswith(f'{{"order_id":"{ORDER}"')


def query(text: list[tuple[str, str]]) -> dict[str, Any]:
    kind: type[Message] = every_kind()
    return QueryReader(kind.DESCRIPTOR).read(text)  # type: ignore[arg-type]


def test_nested_and_repeated_parameters_are_read() -> None:
    assert query(
        [
            ("itself.itself.one_string", "deep"),
            ("itself.oneBool", "true"),
            ("many_int32", "1"),
            ("many_int32", "2"),
            ("many_colour", "COLOUR_RED"),
            ("when", "2026-01-01T00:00:00Z"),
        ]
    ) == {
        "itself": {"itself": {"one_string": "deep"}, "one_bool": True},
        "many_int32": ["1", "2"],
        "many_colour": ["COLOUR_RED"],
        "when": "2026-01-01T00:00:00Z",
    }


@pytest.mark.parametrize("name", ["itself", "itself.", "by_string", "one_string.x", "when.seconds"])
def test_a_parameter_that_is_no_single_value_is_unknown(name: str) -> None:
    with pytest.raises(MalformedInput, match="unknown parameter"):
        query([(name, "1")])
