"""Looking hosts up, by the system's resolver.

It blocks for as long as a name's server makes it, so it has threads of its own: in those that all
of a process shares, connections to the database would wait behind other people's name servers.
"""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

_THREADS = 16
_LIMIT_S = 5.0


def look_up(host: str, port: int) -> list[str]:
    """The addresses of a host, each once. Raises OSError if it leads nowhere."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class SystemNames:
    """Looks hosts up, so many at a time.

    Args:
        limit_s: seconds one may take, the wait for a thread among them.
        look_up: what the threads do.
    """

    def __init__(
        self,
        limit_s: float = _LIMIT_S,
        look_up: Callable[[str, int], list[str]] = look_up,
    ) -> None:
        self._limit_s = limit_s
        self._look_up = look_up
        self._threads = ThreadPoolExecutor(_THREADS, "webhook-names")

    async def __call__(self, host: str, port: int) -> list[str]:
        """The addresses of a host.

        Raises:
            OSError: it leads nowhere, or nobody said where to within the limit.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._limit_s):
                # One that still waits for a thread when its time is over is taken back.
                return await loop.run_in_executor(self._threads, self._look_up, host, port)
        except TimeoutError:
            raise socket.gaierror(socket.EAI_AGAIN, "no answer within the limit") from None
