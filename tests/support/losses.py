"""Ways to lose all that Valkey holds."""

import os
import shutil
import signal
from collections.abc import Callable

import redis

from tests.support.mesh import RunningMesh

Loss = Callable[[RunningMesh], None]


def delete_all(mesh: RunningMesh) -> None:
    with redis.Redis.from_url(mesh.record.redis_url) as client:
        client.flushall()


def lose_the_disk(mesh: RunningMesh) -> None:
    """Valkey dies and its files with it."""
    valkey = mesh.record.process("valkey")
    assert valkey.pid is not None
    # Stopped, it is not restarted before the files are gone.
    os.kill(valkey.pid, signal.SIGSTOP)
    shutil.rmtree(mesh.home.path / "valkey" / "appendonlydir")
    mesh.wait_until_back(mesh.kill("valkey"))


LOSSES: tuple[Loss, ...] = (delete_all, lose_the_disk)
