"""Walks a workflow: execute a node, take the edge its outcome is labelled with, until END."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from services.coordinator.workflows.graph import END, Node, Workflow

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Position:
    """Where a run stands: the node to execute next, and how many were executed."""

    node_id: str
    steps: int = 0


@dataclass(frozen=True, slots=True)
class Outcome(Generic[P]):
    """How a node ended: the label of the edge to take, and the run's state after it."""

    label: str
    state: P


class StepLimitReached(RuntimeError):
    """The run went through more nodes than its workflow allows."""


Execute = Callable[[Node, Position, P], Awaitable[Outcome[P]]]
"""Executes a node of one kind on a state."""

Route = Callable[[Node, Outcome[P]], str]
"""The node id that an outcome's label leads to."""


def follow_edge(node: Node, outcome: Outcome[P]) -> str:
    """Where the label leads; `END` or a node id. The workflow was validated, so it exists."""
    return node.routes[outcome.label]


@dataclass(frozen=True, slots=True)
class Engine(Generic[P]):
    """A workflow with what executes each kind of its nodes."""

    workflow: Workflow
    kinds: Mapping[str, Execute[P]]
    route: Route[P]

    def start(self) -> Position:
        """Where a new run begins."""
        return Position(self.workflow.start)

    async def run(self, position: Position, state: P) -> P:
        """The state at the end of the run. Raises StepLimitReached, and what nodes raise."""
        while position.node_id != END:
            if position.steps >= self.workflow.max_steps:
                raise StepLimitReached(f"{self.workflow.name}: {position.steps} steps")
            node = self.workflow.nodes[position.node_id]
            outcome = await self.kinds[node.kind](node, position, state)
            state = outcome.state
            position = Position(self.route(node, outcome), position.steps + 1)
        return state
