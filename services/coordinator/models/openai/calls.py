"""Tool calls put together from the pieces a stream brings them in."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from services.coordinator.models.port import ToolRequest


@dataclass(slots=True)
class _Begun:
    tool_call_id: str
    name: str = ""
    pieces: list[str] = field(default_factory=list)


class CallAssembly:
    """The tool calls of one completion.

    Args:
        taken: ids that calls of this turn have already. Some providers count anew in each
            completion, but a tool's answer must name one call.
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)
        self._begun: list[_Begun] = []
        self._open: dict[int, _Begun] = {}

    def __len__(self) -> int:
        return len(self._begun)

    def add(self, index: int | None, tool_call_id: str, name: str, arguments: str) -> None:
        """One piece; only the first of a call has an id and a name.

        A new id begins a new call even where the index is an old one: not all providers count.
        """
        at = len(self._begun) - 1 if index is None else index
        begun = self._open.get(at)
        if begun is None or (tool_call_id and begun.tool_call_id not in {"", tool_call_id}):
            begun = _Begun(tool_call_id)
            self._begun.append(begun)
            self._open[len(self._begun) - 1 if index is None else index] = begun
        begun.tool_call_id = begun.tool_call_id or tool_call_id
        begun.name = begun.name or name
        begun.pieces.append(arguments)

    def calls(self) -> tuple[ToolRequest, ...]:
        """The calls in the order they began, each with an id no other call of the turn has."""
        return tuple(
            ToolRequest(self._own_id(begun.tool_call_id), begun.name, "".join(begun.pieces))
            for begun in self._begun
        )

    def _own_id(self, tool_call_id: str) -> str:
        if not tool_call_id or tool_call_id in self._taken:
            tool_call_id = f"call_{len(self._taken) + 1}"
            while tool_call_id in self._taken:
                tool_call_id += "x"
        self._taken.add(tool_call_id)
        return tool_call_id
