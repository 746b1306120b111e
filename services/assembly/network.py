"""Choosing loopback ports."""

import socket
from collections.abc import Collection

LOOPBACK = "127.0.0.1"
SEARCHED = 200


def free_port(preferred: int, taken: Collection[int] = ()) -> int:
    """The first port from `preferred` on that nobody listens on; 0 lets the kernel choose.

    Args:
        preferred: where to begin, 0 … 65535.
        taken: ports promised to others but not bound yet.

    Raises:
        OSError: the 200 ports from `preferred` on are all taken.
    """
    candidates = range(preferred, min(preferred + SEARCHED, 65536)) if preferred else [0] * SEARCHED
    for port in candidates:
        if port in taken:
            continue
        found = _bound(port)
        if found is not None and found not in taken:
            return found
    raise OSError(f"no free port from {preferred} on")


def _bound(port: int) -> int | None:
    # Any address, not only loopback: a server on 0.0.0.0 would take the calls meant for ours.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return None
        chosen: int = probe.getsockname()[1]
        return chosen
