"""What a mesh that has worked weighs, and how fast it starts again."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from services.assembly.targets import TARGETS
from tests.bench.table import Row
from tests.support.mesh import RunningMesh

MIB = 1024 * 1024
PROCESS_MIB = 130
# What these two may weigh: a conversation's model, and indexes.
LARGE_MIB = 220
LARGE = ("coordinator", "retrieval")
MESH_MIB = 1.2 * 1024
# With four targets, and for each further one.
START_S = 5.0
FURTHER_START_S = 0.7


def rows(mesh: RunningMesh) -> Sequence[Row]:
    """Proportional set sizes: what processes share is divided among them."""
    record = mesh.record
    ours = {
        one.name: pss(one.pid)
        for one in record.processes
        if one.pid is not None and one.name not in {"postgres", "valkey"}
    }
    large = {name: ours.pop(name) for name in LARGE}
    largest = max(ours, key=lambda name: ours[name])
    whole = sum(pss(pid) for pid in family(record.pid))
    note = ", ".join(f"{name} {size / MIB:.0f}" for name, size in ours.items())
    return [
        _memory(f"memory (PSS), largest process: {largest}", ours[largest], PROCESS_MIB, note),
        *(_memory(f"memory (PSS), {name}", size, LARGE_MIB) for name, size in large.items()),
        _memory("memory (PSS), all of `maitred up`", whole, MESH_MIB, "with Postgres and Valkey"),
    ]


def start(seconds: float, cpu_s: float) -> Row:
    """The row of a start with data and a schema that are there already.

    `cpu_s` is what it took of the processors; a machine that does other work takes longer.
    """
    most = START_S + FURTHER_START_S * (len(TARGETS) - 4)
    return Row(
        f"second start, {len(TARGETS)} targets",
        f"{seconds:.1f} s",
        f"{most:.1f} s",
        seconds / most,
        1.0,
        at_most=True,
        note=f"command to ready, with both servers; {cpu_s:.1f} s of CPU",
    )


def _memory(what: str, size: int, most_mib: float, note: str = "") -> Row:
    return Row(
        what,
        f"{size / MIB:.0f} MiB",
        f"{most_mib:.0f} MiB",
        size / MIB / most_mib,
        1.0,
        at_most=True,
        note=note,
    )


def pss(pid: int) -> int:
    """Bytes of memory of a process, of shared ones its share (Linux)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise LookupError(f"no Pss of {pid}")


def cpu_s(pid: int) -> float:
    """Seconds of CPU of a process and of its children that have ended (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def family(pid: int) -> Iterator[int]:
    """A process and all that descend from it."""
    parents = _parents()
    yield pid
    for child, parent in parents.items():
        if parent == pid:
            yield from family(child)


def _parents() -> Mapping[int, int]:
    found = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # gone meanwhile
        found[int(status.parent.name)] = int(fields[1])
    return found
