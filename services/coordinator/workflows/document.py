"""Reads a workflow out of a parsed YAML document."""

from collections.abc import Iterable, Mapping
from typing import Any

from services.coordinator.workflows.graph import InvalidWorkflow, Node, Workflow

_WORKFLOW_FIELDS: Mapping[str, type] = {
    "workflow": str,
    "version": int,
    "agent": str,
    "start": str,
    "max_steps": int,
    "nodes": dict,
}
_NODE_FIELDS: Mapping[str, type] = {"kind": str, "tools": list, "routes": dict}


def workflow_of(document: object) -> Workflow:
    """The workflow a document describes, not yet validated.

    Raises InvalidWorkflow where a field is missing, of the wrong type or unknown.
    """
    if not isinstance(document, dict):
        raise InvalidWorkflow("?", ["the document is not a mapping"])
    name = str(document.get("workflow", "?"))
    problems = [*_field_problems("", document, _WORKFLOW_FIELDS)]
    nodes = document.get("nodes")
    for node_id, fields in nodes.items() if isinstance(nodes, dict) else ():
        problems += _node_problems(node_id, fields)
    if problems:
        raise InvalidWorkflow(name, problems)
    return Workflow(
        name=name,
        version=document["version"],
        profile=document["agent"],
        start=document["start"],
        max_steps=document["max_steps"],
        nodes={node_id: _node(node_id, fields) for node_id, fields in document["nodes"].items()},
    )


def _node(node_id: str, fields: Mapping[str, Any]) -> Node:
    return Node(node_id, fields["kind"], tuple(fields["tools"]), dict(fields["routes"]))


def _node_problems(node_id: object, fields: object) -> Iterable[str]:
    where = f"node {node_id!r}: "
    if not isinstance(node_id, str) or not isinstance(fields, dict):
        yield f"{where}a node is a name and a mapping"
        return
    yield from _field_problems(where, fields, _NODE_FIELDS)
    words = [*_items(fields.get("tools")), *_pairs(fields.get("routes"))]
    if not all(isinstance(word, str) for word in words):
        yield f"{where}tools and routes are made of words"


def _field_problems(
    where: str, fields: Mapping[object, object], expected: Mapping[str, type]
) -> Iterable[str]:
    for name, kind in expected.items():
        if name not in fields:
            yield f"{where}{name} is missing"
        elif not isinstance(fields[name], kind) or isinstance(fields[name], bool):
            yield f"{where}{name} is not a {kind.__name__}"
    for unknown in fields.keys() - expected.keys():
        yield f"{where}unknown field {unknown!r}"


def _items(value: object) -> Iterable[object]:
    return value if isinstance(value, list) else ()


def _pairs(value: object) -> Iterable[object]:
    return (word for pair in value.items() for word in pair) if isinstance(value, dict) else ()
