"""A workflow that cannot run is refused before anybody talks to it."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from services.coordinator.documents import packaged_document
from services.coordinator.sessions.nodes import NODE_LABELS
from services.coordinator.workflows.document import workflow_of
from services.coordinator.workflows.engine import (
    Engine,
    Outcome,
    Position,
    StepLimitReached,
    follow_edge,
)
from services.coordinator.workflows.graph import (
    END,
    InvalidWorkflow,
    Node,
    Vocabulary,
    Workflow,
    validated,
)

VOCABULARY = Vocabulary(
    labels={"ask": frozenset({"yes", "no"}), "act": frozenset({"done"})},
    tools=frozenset({"hammer"}),
    profiles=frozenset({"smith@1"}),
)


def node(node_id: str, kind: str = "act", tools: tuple[str, ...] = (), **routes: str) -> Node:
    return Node(node_id, kind, tools, routes)


def workflow(*nodes: Node, start: str = "a") -> Workflow:
    return Workflow("forge", 1, "smith@1", start, 8, {node.node_id: node for node in nodes})


def problems(broken: Workflow) -> tuple[str, ...]:
    with pytest.raises(InvalidWorkflow) as refused:
        validated(broken, VOCABULARY)
    return refused.value.problems


def test_a_sound_workflow_is_itself() -> None:
    sound = workflow(node("a", "ask", ("hammer",), yes="b", no=END), node("b", done="a"))
    assert validated(sound, VOCABULARY) is sound


def test_unknown_references_are_all_named() -> None:
    broken = workflow(node("a", "ask", ("saw",), yes="z", no=END), node("b", "sing"), start="q")
    assert problems(replace(broken, profile="smith@2", max_steps=0)) == (
        "max_steps must be at least 1",
        "unknown agent 'smith@2'",
        "start names unknown node 'q'",
        "node 'a': unknown tool 'saw'",
        "node 'a': route 'yes' leads to unknown node 'z'",
        "node 'b': unknown kind 'sing'",
    )


def test_every_outcome_has_a_route_and_every_route_an_outcome() -> None:
    assert problems(workflow(node("a", "ask", no=END, maybe=END))) == (
        "node 'a': no route for 'yes', which 'ask' can end in",
        "node 'a': route 'maybe' is never taken, 'ask' does not end in it",
    )


def test_a_node_nobody_leads_to_is_refused() -> None:
    assert problems(workflow(node("a", done=END), node("b", done=END))) == (
        "node 'b' cannot be reached from 'a'",
    )


def test_a_cycle_without_an_exit_is_refused() -> None:
    broken = workflow(node("a", "ask", yes="b", no=END), node("b", done="c"), node("c", done="b"))
    assert problems(broken) == (
        "node 'b' is on a cycle without an exit to END",
        "node 'c' is on a cycle without an exit to END",
    )


def test_a_node_that_leads_only_into_such_a_cycle_is_refused() -> None:
    broken = workflow(node("a", "ask", yes="b", no=END), node("b", done="c"), node("c", done="c"))
    assert problems(broken) == (
        "node 'b' has no path to END",
        "node 'c' is on a cycle without an exit to END",
    )


def test_the_name_of_the_end_is_taken() -> None:
    assert problems(workflow(node("a", done=END), node(END, done=END)))[0] == (
        "node 'END': the name is taken by the end of the turn"
    )


def test_the_workflow_that_is_shipped_is_sound() -> None:
    shipped = workflow_of(packaged_document("services.coordinator.workflows", "take_order.yaml"))
    tools = frozenset({tool for node in shipped.nodes.values() for tool in node.tools})
    vocabulary = Vocabulary(NODE_LABELS, tools, frozenset({shipped.profile}))
    assert validated(shipped, vocabulary).start in shipped.nodes


DOCUMENT = {
    "workflow": "forge",
    "version": 1,
    "agent": "smith@1",
    "start": "a",
    "max_steps": 3,
    "nodes": {"a": {"kind": "act", "tools": [], "routes": {"done": "END"}}},
}


def test_a_document_is_read() -> None:
    read = workflow_of(DOCUMENT)
    assert read == Workflow("forge", 1, "smith@1", "a", 3, {"a": node("a", done=END)})


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"version": "one"}, "version is not a int"),
        ({"max_steps": True}, "max_steps is not a int"),
        ({"colour": "red"}, "unknown field 'colour'"),
        ({"nodes": {"a": 3}}, "node 'a': a node is a name and a mapping"),
        ({"nodes": {"a": {"kind": "act", "tools": []}}}, "node 'a': routes is missing"),
        (
            {"nodes": {"a": {"kind": "act", "tools": [3], "routes": {}}}},
            "node 'a': tools and routes are made of words",
        ),
    ],
)
def test_a_document_of_another_form_is_refused(change: Mapping[str, object], problem: str) -> None:
    with pytest.raises(InvalidWorkflow) as refused:
        workflow_of({**DOCUMENT, **change})
    assert refused.value.problems == (problem,)


def test_a_document_that_is_no_mapping_is_refused() -> None:
    with pytest.raises(InvalidWorkflow):
        workflow_of(["a"])


async def count_to_three(node: Node, _position: Position, count: int) -> Outcome[int]:
    return Outcome("yes" if node.kind == "ask" and count < 3 else "no", count + 1)


async def pass_on(_node: Node, _position: Position, count: int) -> Outcome[int]:
    return Outcome("done", count)


async def test_a_run_follows_the_labels_to_the_end() -> None:
    taken: list[tuple[str, str]] = []

    def remember(node: Node, outcome: Outcome[int]) -> str:
        taken.append((node.node_id, outcome.label))
        return follow_edge(node, outcome)

    graph = workflow(node("a", "ask", yes="b", no=END), node("b", done="a"))
    engine = Engine(graph, {"ask": count_to_three, "act": pass_on}, remember)
    assert await engine.run(engine.start(), 1) == 4
    assert taken == [("a", "yes"), ("b", "done"), ("a", "yes"), ("b", "done"), ("a", "no")]


async def test_a_run_goes_on_from_where_it_was() -> None:
    graph = workflow(node("a", "ask", yes="b", no=END), node("b", done="a"))
    engine = Engine(graph, {"ask": count_to_three, "act": pass_on}, follow_edge)
    assert await engine.run(Position("b", steps=5), 3) == 4


async def test_a_run_without_end_is_given_up() -> None:
    graph = workflow(node("a", "ask", yes="b", no=END), node("b", done="a"))
    engine = Engine(graph, {"ask": count_to_three, "act": pass_on}, follow_edge)
    with pytest.raises(StepLimitReached):
        await engine.run(engine.start(), -10)
