"""Several processes that serve the same targets on the same ports."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

from services.assembly.children import fork
from services.assembly.guard import Guard
from services.assembly.supervisor import (
    Program,
    State,
    StopRequestedError,
    StopSignals,
    Supervised,
    Supervisor,
)
from services.chassis.run.config import ProcessConfig
from services.chassis.run.lifecycle import Target, run_process


def serve_workers(targets: Sequence[Target], workers: int) -> None:
    """Serve until SIGTERM or SIGINT, restarting a worker that crashes.

    Args:
        targets: with their settings; worker n (from 0) has its admin port n higher.
        workers: how many processes share the ports.

    Raises:
        StartError: a worker failed three times before it was ready.
    """
    with StopSignals() as signals:
        guard = None if sys.platform == "linux" else Guard()
        supervisor = Supervisor(signals, _report, guard)
        try:
            supervisor.start(_worker(targets, number) for number in range(workers))
            supervisor.watch()
        except StopRequestedError:
            pass
        finally:
            supervisor.stop()


def _worker(targets: Sequence[Target], number: int) -> Program:
    shared = [replace(target, config=_shared(target.config, number)) for target in targets]
    name = f"{targets[0].name}-{number}"

    def body(ready: Callable[[], None]) -> int:
        run_process(shared, lambda _bound: ready())
        return 0

    return Program(name, lambda: fork(name, body))


def _shared(config: ProcessConfig, number: int) -> ProcessConfig:
    host, _, port = config.admin_listen.rpartition(":")
    admin = f"{host}:{int(port) + number if int(port) else 0}"
    return config.model_copy(update={"share_ports": True, "admin_listen": admin})


def _report(one: Supervised) -> None:
    if one.state is State.WAITING:
        text = f"{one.program.name} {one.fate}; starting it again"
        print(text, file=sys.stderr, flush=True)
