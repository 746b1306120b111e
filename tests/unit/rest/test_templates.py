"""Paths of annotations, and the tree that finds a request's route."""

import pytest

from gateway.transcoding.templates import (
    MethodNotAllowed,
    PathNotFound,
    RouteTree,
    parse_template,
)

ROUTES = {
    "list": ("GET", "/api/v1/orders"),
    "place": ("POST", "/api/v1/orders"),
    "get": ("GET", "/api/v1/orders/{order_id}"),
    "transition": ("POST", "/api/v1/orders/{order_id}:transition"),
    "search": ("GET", "/api/v1/products:search"),
    "turn": ("GET", "/api/v1/sessions/{session_id}/messages/{request_id}"),
    "newest": ("GET", "/api/v1/orders/newest"),
}


@pytest.fixture
def tree() -> RouteTree[str]:
    tree: RouteTree[str] = RouteTree()
    for name, (method, path) in ROUTES.items():
        tree.add(method, parse_template(path), name)
    return tree


@pytest.mark.parametrize(
    ("method", "path", "target", "values"),
    [
        ("GET", "/api/v1/orders", "list", ()),
        ("POST", "/api/v1/orders", "place", ()),
        ("GET", "/api/v1/orders/ord_1", "get", ("ord_1",)),
        ("POST", "/api/v1/orders/ord_1:transition", "transition", ("ord_1",)),
        ("GET", "/api/v1/products:search", "search", ()),
        ("GET", "/api/v1/sessions/s/messages/a%2Fb%3Ac", "turn", ("s", "a/b:c")),
        ("GET", "/api/v1/orders/newest", "newest", ()),
    ],
)
def test_a_request_finds_its_route(
    tree: RouteTree[str], method: str, path: str, target: str, values: tuple[str, ...]
) -> None:
    match = tree.match(method, path)
    assert (match.target, match.values) == (target, values)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api/v1",
        "/api/v1/orders/",
        "/api/v1/orders/a/b",
        "/api/v1/orders/a:b",
        "/api/v1/orders:transition",
        "/api/v1/sessions/a:b/messages/c",
        "//api/v1/orders",
    ],
)
def test_an_unknown_path_is_not_found(tree: RouteTree[str], path: str) -> None:
    with pytest.raises(PathNotFound):
        tree.match("GET", path)


def test_a_known_path_names_the_methods_it_takes(tree: RouteTree[str]) -> None:
    with pytest.raises(MethodNotAllowed) as refused:
        tree.match("DELETE", "/api/v1/orders")
    assert refused.value.allowed == ("GET", "POST")


def test_a_literal_segment_does_not_hide_the_methods_of_a_variable(tree: RouteTree[str]) -> None:
    tree.add("DELETE", parse_template("/api/v1/orders/{order_id}"), "delete")
    assert tree.match("DELETE", "/api/v1/orders/newest").target == "delete"


def test_a_route_is_added_once(tree: RouteTree[str]) -> None:
    with pytest.raises(ValueError, match="two routes"):
        tree.add("GET", parse_template("/api/v1/orders/{id}"), "again")


@pytest.mark.parametrize("text", ["orders", "/a/{b=**}", "/a/{b=c/*}", "/a/x{b}", "/a//b", "/a/*"])
def test_what_is_not_supported_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="path template"):
        parse_template(text)
