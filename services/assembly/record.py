"""The record of a running mesh: written by its supervisor, read by `status`, `down` and others."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from services.assembly.home import Home, write_private


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """One supervised process.

    Attributes:
        name: of the target, or `postgres`, `valkey`.
        pid: None while it waits to be restarted.
        state: see `services.assembly.supervisor.State`.
        since: when it entered that state, UTC.
        restarts: how often it has been started again.
        addresses: what it listens on, by kind: `http`, `grpc`, `admin`, `tcp`; host:port each.
    """

    name: str
    pid: int | None
    state: str
    since: datetime
    restarts: int
    addresses: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A running mesh.

    Attributes:
        pid: of the supervisor.
        started: when it was, UTC.
        ready: whether all of it has been ready once.
        gateway_url: where guests, staff and clients find it on this machine.
        database_url: the migrator's, with its password.
        redis_url: likewise.
        processes: in the order they were started.
    """

    pid: int
    started: datetime
    ready: bool
    gateway_url: str
    database_url: str
    redis_url: str
    processes: Sequence[ProcessRecord]

    def process(self, name: str) -> ProcessRecord:
        """The process of that name. Raises KeyError if there is none."""
        for process in self.processes:
            if process.name == name:
                return process
        raise KeyError(name)

    def write(self, home: Home) -> None:
        """Replace the record in one step, readable by its owner only."""
        write_private(home.run_record, json.dumps(asdict(self), default=_to_json, indent=1))


def read_record(home: Home) -> RunRecord | None:
    """The record of the mesh that runs from this state folder, None if none does."""
    if not home.is_held():
        return None
    try:
        read = json.loads(home.run_record.read_text())
    except FileNotFoundError:
        return None
    processes = tuple(
        ProcessRecord(**{**one, "since": datetime.fromisoformat(one["since"])})
        for one in read["processes"]
    )
    started = datetime.fromisoformat(read["started"])
    return RunRecord(**{**read, "started": started, "processes": processes})


def _to_json(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value))
