"""Choosing loopback ports."""

import secrets
import socket
from collections.abc import Collection

LOOPBACK = "127.0.0.1"
SEARCHED = 200
# Below the ports that kernels give to outgoing connections, which could take one of ours before it
# is bound, or while its server is being restarted.
QUIET_PORTS = range(20_000, 32_000)


def free_port(preferred: int, taken: Collection[int] = (), among: range = QUIET_PORTS) -> int:
    """The first port from `preferred` on that nobody listens on; 0 for any of `among`.

    Args:
        preferred: where to begin, 0 … 65535.
        taken: ports promised to others but not bound yet.
        among: where to look for any, from a random one on.

    Raises:
        OSError: 200 ports one after another are all taken.
    """
    first = preferred or among[secrets.randbelow(max(len(among) - SEARCHED, 1))]
    for port in range(first, min(first + SEARCHED, 65536)):
        if port not in taken and _is_free(port):
            return port
    raise OSError(f"no free port from {first} on")


def _is_free(port: int) -> bool:
    # Any address, not only loopback: a server on 0.0.0.0 would take the calls meant for ours.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True
