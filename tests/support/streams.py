"""Event streams as they are on the wire, field by field."""

import json
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands between two empty lines of a stream; a comment is a line that begins with `:`."""

    lines: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """Names of its fields, in order; of a comment, the empty one."""
        return [line.partition(":")[0] for line in self.lines]

    def value(self, name: str) -> str:
        """The value of the only field of that name; empty if there is none."""
        found = [line for line in self.lines if line.partition(":")[0] == name]
        assert len(found) <= 1, f"{name} twice in {self.lines}"
        return found[0].partition(":")[2].removeprefix(" ") if found else ""

    @property
    def data(self) -> Any:
        """Its data, read as JSON."""
        return json.loads(self.value("data"))


async def frames(response: httpx.Response) -> AsyncGenerator[Frame, None]:
    """The frames of a stream, whatever they are, until it ends."""
    lines: list[str] = []
    async for line in response.aiter_lines():
        if line:
            lines.append(line)
        elif lines:
            yield Frame(tuple(lines))
            lines = []


async def read_until(response: httpx.Response, is_last: Callable[[Frame], bool]) -> list[Frame]:
    """The frames of a stream up to and with the first one that is meant."""
    read: list[Frame] = []
    async for frame in frames(response):
        read.append(frame)
        if is_last(frame):
            return read
    raise AssertionError(f"the stream ended after {read}")


def is_event(frame: Frame) -> bool:
    """Whether a browser would tell a page of it."""
    return "data" in frame.names
