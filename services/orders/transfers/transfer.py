"""A transfer of a catalog as a value."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

MOST_PROBLEMS = 100


class Format(Enum):
    """In what form a catalog comes or goes."""

    JSON = "json"
    CSV = "csv"


class Mode(Enum):
    """What becomes of what an import does not name."""

    REPLACE = "replace"
    MERGE = "merge"


class State(Enum):
    """Where a transfer stands."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a content; `line` counts from 1, 0 is all of it."""

    description: str
    line: int = 0
    column: str = ""


OUR_FAULT = Problem("It failed on our side; see whether it was done before you ask again.")
_NOT_BEGUN = Problem("It was called off before it began.")
_CALLED_OFF = Problem("It was called off; see whether it was done before you ask again.")


def abandoned(state: State, job_status: str) -> Problem:
    """Why nothing more comes of a transfer whose job has ended without it.

    Args:
        state: where the transfer stands.
        job_status: how the job ended, in Procrastinate's words; `forgotten` if nobody knows.
    """
    if job_status not in {"cancelled", "aborted"}:
        return OUR_FAULT
    return _NOT_BEGUN if state is State.WAITING else _CALLED_OFF


class Unreadable(ValueError):
    """A content cannot be taken in. ``problems`` are the first `MOST_PROBLEMS`."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems[:MOST_PROBLEMS]
        super().__init__("; ".join(problem.description for problem in self.problems))

    def __reduce__(self) -> tuple[type["Unreadable"], tuple[Problem, ...]]:
        """It crosses processes."""
        return Unreadable, self.problems


@dataclass(frozen=True, slots=True)
class Counts:
    """Products an import adds, changes and removes."""

    added: int = 0
    changed: int = 0
    removed: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A transfer that is asked for. `content` is empty for an export."""

    transfer_id: UUID
    asked_by: str
    is_import: bool
    format: Format
    mode: Mode
    is_dry_run: bool
    content: str
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer and how far it is, without its content; counts are of products."""

    transfer_id: UUID
    asked_by: str
    is_import: bool
    format: Format
    mode: Mode
    is_dry_run: bool
    state: State
    done: int
    total: int
    counts: Counts
    problems: tuple[Problem, ...]
    create_time: datetime
    end_time: datetime | None
