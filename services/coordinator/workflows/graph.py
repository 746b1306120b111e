"""The graph of a workflow as a value, and everything that can be wrong with it.

A node does one thing and says with a label how that went; the label's route names the next
node. `END` ends the turn.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

END = "END"


class InvalidWorkflow(ValueError):
    """The workflow cannot run. `problems` lists everything found, one sentence each."""

    def __init__(self, name: str, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"workflow {name!r}: " + "; ".join(self.problems))


@dataclass(frozen=True, slots=True)
class Node:
    """One step: what kind, the tools it may use, and where each outcome leads (label → node id)."""

    node_id: str
    kind: str
    tools: tuple[str, ...]
    routes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Workflow:
    """A graph that was found sound.

    Attributes:
        profile: `agent@version` that serves the guest in it.
        max_steps: nodes one turn may execute before it is given up.
    """

    name: str
    version: int
    profile: str
    start: str
    max_steps: int
    nodes: Mapping[str, Node]

    @property
    def label(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a workflow may refer to: kinds of nodes with the labels each ends in, tools, agents."""

    labels: Mapping[str, frozenset[str]]
    tools: frozenset[str]
    profiles: frozenset[str]


def validated(workflow: Workflow, vocabulary: Vocabulary) -> Workflow:
    """The workflow itself. Raises InvalidWorkflow with everything that is wrong with it."""
    problems = [*_unknown_references(workflow, vocabulary)]
    # Paths mean nothing while edges lead nowhere.
    problems = problems or [*_bad_paths(workflow)]
    if problems:
        raise InvalidWorkflow(workflow.name, problems)
    return workflow


def _unknown_references(workflow: Workflow, vocabulary: Vocabulary) -> Iterable[str]:
    if workflow.max_steps < 1:
        yield "max_steps must be at least 1"
    if workflow.profile not in vocabulary.profiles:
        yield f"unknown agent {workflow.profile!r}"
    if workflow.start not in workflow.nodes:
        yield f"start names unknown node {workflow.start!r}"
    for node in workflow.nodes.values():
        yield from _node_problems(node, workflow, vocabulary)


def _node_problems(node: Node, workflow: Workflow, vocabulary: Vocabulary) -> Iterable[str]:
    where = f"node {node.node_id!r}"
    if node.node_id == END:
        yield f"{where}: the name is taken by the end of the turn"
    for tool in node.tools:
        if tool not in vocabulary.tools:
            yield f"{where}: unknown tool {tool!r}"
    for label, target in node.routes.items():
        if target != END and target not in workflow.nodes:
            yield f"{where}: route {label!r} leads to unknown node {target!r}"
    labels = vocabulary.labels.get(node.kind)
    if labels is None:
        yield f"{where}: unknown kind {node.kind!r}"
        return
    for label in sorted(labels - node.routes.keys()):
        yield f"{where}: no route for {label!r}, which {node.kind!r} can end in"
    for label in sorted(node.routes.keys() - labels):
        yield f"{where}: route {label!r} is never taken, {node.kind!r} does not end in it"


def _bad_paths(workflow: Workflow) -> Iterable[str]:
    forward = {node_id: set(node.routes.values()) for node_id, node in workflow.nodes.items()}
    backward: dict[str, set[str]] = {}
    for node_id, targets in forward.items():
        for target in targets:
            backward.setdefault(target, set()).add(node_id)
    reachable = _closure(workflow.start, forward)
    ending = _closure(END, backward)
    for node_id in workflow.nodes:
        if node_id not in reachable:
            yield f"node {node_id!r} cannot be reached from {workflow.start!r}"
        elif node_id not in ending:
            cycle = node_id in _closure_of(forward[node_id], forward)
            yield f"node {node_id!r} " + (
                "is on a cycle without an exit to END" if cycle else "has no path to END"
            )


def _closure(start: str, edges: Mapping[str, set[str]]) -> set[str]:
    return {start} | _closure_of(edges.get(start, set()), edges)


def _closure_of(starts: Iterable[str], edges: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = list(starts)
    while waiting:
        node_id = waiting.pop()
        if node_id not in seen:
            seen.add(node_id)
            waiting.extend(edges.get(node_id, ()))
    return seen
