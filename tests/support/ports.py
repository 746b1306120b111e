"""Ports that no other test process of this run takes at the same moment."""

import os
from collections.abc import Collection

from services.assembly import network
from services.assembly.network import LOOPBACK, QUIET_PORTS
from services.assembly.targets import TARGETS

# Where nothing listens: no port that programs take by themselves.
NOWHERE = f"ipv4:{LOOPBACK}:1"


def own_ports() -> range:
    """This process's share of the quiet ports, where tests run in several processes."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    share = len(QUIET_PORTS) // processes
    # A worker that takes the place of one that crashed has a number of its own.
    first = QUIET_PORTS[0] + number % processes * share
    return range(first, first + share)


def free_port(taken: Collection[int] = ()) -> int:
    """A port that nobody listens on, and that was not promised to anyone."""
    return network.free_port(0, taken, own_ports())


def nowhere() -> dict[str, str]:
    """Settings by which a service finds none of its peers but those it is told of."""
    return {f"MAITRED_{target.name.upper()}_ADDRESS": NOWHERE for target in TARGETS}
