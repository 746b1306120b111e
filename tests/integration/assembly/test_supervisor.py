"""The supervisor, over small programs of the tests' own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.assembly.children import Forked, fork
from services.assembly.guard import Guard
from services.assembly.supervisor import (
    Program,
    StartError,
    State,
    StopRequestedError,
    StopSignals,
    Supervised,
    Supervisor,
)
from tests.support.mesh import is_running, wait_until


class Stage:
    """A supervisor that notes each change of state and then calls `then`."""

    def __init__(self, signals: StopSignals) -> None:
        self.changes: list[tuple[str, State]] = []
        self.then: Callable[[Supervised], None] = lambda one: None
        self.supervisor = Supervisor(signals, self._note)

    def _note(self, one: Supervised) -> None:
        self.changes.append((one.program.name, one.state))
        self.then(one)


@pytest.fixture
def stage() -> Iterator[Stage]:
    with StopSignals() as signals:
        stage = Stage(signals)
        yield stage
        stage.supervisor.stop()


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., Program]:
    def build(name: str, body: Callable[[Callable[[], None]], int]) -> Program:
        return Program(name, lambda: fork(name, body, tmp_path / f"{name}.log"))

    return build


def serve(ready: Callable[[], None]) -> int:
    ready()
    while True:
        signal.pause()


def fail(ready: Callable[[], None]) -> int:
    os.write(1, b"no luck\n")
    return 3


def test_a_killed_program_is_started_again(stage: Stage, program: Callable[..., Program]) -> None:
    stage.supervisor.start([program("inn", serve)])
    first = stage.supervisor.supervised[0].child
    assert first is not None

    def stop_when_back(one: Supervised) -> None:
        if one.state is State.READY:
            os.kill(os.getpid(), signal.SIGTERM)

    stage.then = stop_when_back
    os.kill(first.pid, signal.SIGKILL)
    stage.supervisor.watch()

    assert [state for _, state in stage.changes] == [
        State.STARTING,
        State.READY,
        State.WAITING,
        State.STARTING,
        State.READY,
    ]
    assert stage.supervisor.supervised[0].last_status == -signal.SIGKILL


def test_a_program_that_ends_at_once_is_reported_with_its_status(
    stage: Stage, program: Callable[..., Program], tmp_path: Path
) -> None:
    with pytest.raises(StartError, match="broken ended with status 3"):
        stage.supervisor.start([program("broken", fail)])

    assert "no luck" in (tmp_path / "broken.log").read_text()


def test_a_program_that_cannot_be_started_again_is_tried_later(
    stage: Stage, tmp_path: Path
) -> None:
    attempts = iter([True, False, True])

    def start() -> Forked:
        if not next(attempts):
            raise BlockingIOError("no more processes")
        return fork("inn", serve, tmp_path / "inn.log")

    stage.supervisor.start([Program("inn", start)])
    inn = stage.supervisor.supervised[0]
    assert inn.child is not None
    fates: list[str] = []

    def stop_when_back(one: Supervised) -> None:
        if one.state is State.WAITING:
            fates.append(one.fate)
        if one.state is State.READY:
            os.kill(os.getpid(), signal.SIGTERM)

    stage.then = stop_when_back
    os.kill(inn.child.pid, signal.SIGKILL)
    stage.supervisor.watch()

    assert stage.changes[-1] == ("inn", State.READY)
    assert fates == [
        "was killed by SIGKILL",
        "could not be started: BlockingIOError('no more processes')",
    ]


def test_failures_are_forgotten_once_a_program_has_run_well_for_a_while(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, ahead = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock() + ahead[0])
    attempts = iter([True, False, False, False, True, True])

    def start() -> Forked:
        if not next(attempts):
            raise ConnectionRefusedError("no database")
        return fork("inn", serve, tmp_path / "inn.log")

    stage.supervisor.start([Program("inn", start)])
    inn = stage.supervisor.supervised[0]
    failures: list[int] = []
    kills = iter([True, False])

    def kill_when_back(one: Supervised) -> None:
        if one.state is State.WAITING:
            failures.append(one.failures)
        if one.state is State.READY:
            ahead[0] += 6.0
            assert one.child is not None
            target = one.child.pid if next(kills) else os.getpid()
            os.kill(target, signal.SIGKILL if target != os.getpid() else signal.SIGTERM)

    stage.then = kill_when_back
    assert inn.child is not None
    ahead[0] += 6.0
    os.kill(inn.child.pid, signal.SIGKILL)
    stage.supervisor.watch()

    assert failures == [1, 2, 3, 4, 1]


def test_a_program_that_never_starts_is_reported(stage: Stage) -> None:
    def start() -> Forked:
        raise FileNotFoundError("no such program")

    with pytest.raises(StartError, match=r"broken could not be started: .*no such program"):
        stage.supervisor.start([Program("broken", start)])


def test_programs_stop_in_the_reverse_order(stage: Stage, program: Callable[..., Program]) -> None:
    stage.supervisor.start([program("first", serve)])
    stage.supervisor.start([program("second", serve)])
    stage.supervisor.stop()

    assert [name for name, state in stage.changes if state is State.STOPPED] == ["second", "first"]


def test_a_signal_interrupts_the_start(stage: Stage, program: Callable[..., Program]) -> None:
    def never_ready(ready: Callable[[], None]) -> int:
        os.kill(os.getppid(), signal.SIGINT)
        signal.pause()
        return 0

    with pytest.raises(StopRequestedError):
        stage.supervisor.start([program("slow", never_ready)])


SUPERVISING = """
import os, signal, sys
from pathlib import Path
from services.assembly.children import fork
from services.assembly.embedded.privileges import launcher
import subprocess
def serve(ready):
    ready()
    signal.pause()
    return 0
forked = fork("inn", serve, Path(sys.argv[1]))
executed = subprocess.Popen([*launcher("TERM", None), "sleep", "1000"], start_new_session=True)
while not forked.is_ready():
    pass
print(forked.pid, executed.pid, flush=True)
signal.pause()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a guard does it")
def test_children_die_with_a_killed_supervisor(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISING, str(tmp_path / "log")], stdout=subprocess.PIPE
    ) as supervisor:
        assert supervisor.stdout is not None
        children = [int(pid) for pid in supervisor.stdout.readline().split()]
        # Past its exec, or the signal would be set by nobody yet.
        wait_until(lambda: b"sleep" in Path(f"/proc/{children[1]}/cmdline").read_bytes()[:5], 60)
        supervisor.kill()

    wait_until(lambda: not any(is_running(pid) for pid in children), 60)


def test_a_guard_ends_the_children_of_a_dead_supervisor() -> None:
    with subprocess.Popen(["sleep", "1000"]) as left, subprocess.Popen(["sleep", "1000"]) as done:
        guard = Guard()
        guard.add(left.pid, signal.SIGTERM)
        guard.add(done.pid, signal.SIGTERM)
        guard.remove(done.pid)
        guard.close()

        assert left.wait() == -signal.SIGTERM
        assert done.poll() is None
        done.kill()
