"""A worker of jobs that tests need, in this process or in one of its own."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from services.chassis.data.jobs import Deferred, Job, JobContext, JobSet, Queue, Retry, defer
from services.chassis.run.lifecycle import Component, Resources, Target, run_process
from services.worker.config import WorkerConfig
from services.worker.wiring import build as build_worker
from tests.support.ports import free_port
from tests.support.servers import MigratedDatabase
from tests.support.services import SETTINGS, running

TENANT = UUID("aaaaaaaa-aaaa-7aaa-8aaa-aaaaaaaaaaaa")
QUICK = Retry(attempts=3, first=timedelta(milliseconds=200))
START_S = 120.0


async def _wait_for_leave(context: JobContext) -> None:
    """Writes that it began, waits until it may end, writes that it did."""
    path = Path(str(context.args["path"]))
    _write(path, f"begun {context.attempt} {os.getpid()}")
    while not path.with_suffix(".leave").exists():  # noqa: ASYNC110 - a test's process says so
        await asyncio.sleep(0.05)
    _write(path, f"ended {context.attempt} {os.getpid()}")


async def _fail(context: JobContext) -> None:
    path = Path(str(context.args["path"]))
    _write(path, f"begun {context.attempt} {time.time()}")
    if context.attempt <= int(str(context.args["times"])):
        raise ValueError("as it was asked to")


async def _tell(context: JobContext) -> None:
    for done in range(1, 1001):
        await context.progress(done, 1000, "pages")


async def _compute(context: JobContext) -> None:
    found = await context.compute(_digits, int(str(context.args["power"])))
    _write(Path(str(context.args["path"])), str(found))


async def _crash(context: JobContext) -> None:
    await context.compute(os._exit, 3)


def _digits(power: int) -> tuple[int, int]:
    return len(str(2**power)), os.getpid()


def _write(path: Path, line: str) -> None:
    with path.open("a") as file:
        file.write(f"{line}\n")


JOBS = JobSet(
    (
        Job("test.wait", Queue.ANALYSIS, _wait_for_leave, QUICK),
        Job("test.fail", Queue.DEFAULT, _fail, QUICK),
        Job("test.tell", Queue.INGESTION, _tell),
        Job("test.compute", Queue.ANALYSIS, _compute),
        Job("test.crash", Queue.ANALYSIS, _crash, Retry(attempts=1)),
    )
)


async def build(config: WorkerConfig, resources: Resources) -> Component:
    """The worker of these jobs."""
    return await build_worker(config, resources, [JOBS])


@asynccontextmanager
async def worker(database: MigratedDatabase, **settings: Any) -> AsyncIterator[str]:
    """One in this process; its gRPC address."""
    config = WorkerConfig(
        **{**SETTINGS, "database_url": database.service_url("worker"), **settings}
    )
    async with running(Target("worker", config, build)) as bound:
        yield f"127.0.0.1:{bound.grpc['worker']}"


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """One of its own."""

    process: "subprocess.Popen[bytes]"
    address: str

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self) -> None:
        """-9: it says goodbye to nobody."""
        self.process.kill()
        self.process.wait()


@contextmanager
def worker_process(
    database: MigratedDatabase, log: Path, **settings: Any
) -> Iterator[WorkerProcess]:
    """A worker as a process, ready; its output goes to `log`."""
    port = free_port()
    address, admin = f"127.0.0.1:{port}", f"127.0.0.1:{free_port({port})}"
    given = {
        **SETTINGS,
        "listen": address,
        "admin_listen": admin,
        "database_url": database.service_url("worker"),
        **settings,
    }
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.working", json.dumps(given)],
            stdout=output,
            stderr=output,
        )
    one = WorkerProcess(process, address)
    try:
        _await_ready(one, admin, log)
        yield one
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _await_ready(one: WorkerProcess, admin: str, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and one.process.poll() is None:
        try:
            if httpx.get(f"http://{admin}/healthz").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise RuntimeError(f"the worker did not start: {log.read_text()[-2000:]}")


async def deferred(database: MigratedDatabase, task: str, queue: Queue, **args: Any) -> int:
    """The number of a job of the tenant, deferred now."""
    connection = await asyncpg.connect(database.service_url("worker"))
    try:
        number = await defer(connection, Deferred(queue, task, TENANT, args))
    finally:
        await connection.close()
    assert number is not None
    return number


async def row(database: MigratedDatabase, number: int) -> Mapping[str, Any]:
    """A job's state and progress in the database."""
    connection = await asyncpg.connect(database.url)
    try:
        found = await connection.fetchrow(
            "SELECT j.status::text AS status, j.attempts, p.done, p.total, p.note, p.error"
            " FROM jobs.procrastinate_jobs j LEFT JOIN jobs.progress p ON p.job_id = j.id"
            " WHERE j.id = $1",
            number,
        )
    finally:
        await connection.close()
    assert found is not None
    return dict(found)


if __name__ == "__main__":
    run_process([Target("worker", WorkerConfig(**json.loads(sys.argv[1])), build)])
