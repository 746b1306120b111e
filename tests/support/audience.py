"""Thousands of clients of one gateway, each no more than a socket, and what holding them costs."""

from __future__ import annotations

import os
import resource
import select
import socket
from dataclasses import dataclass
from pathlib import Path

PATIENCE_S = 60.0
# Of what a process may have open, so much is for other things.
_SPARE_FILES = 500
_WEBSOCKET = (
    "upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n"
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


def allow_files(count: int) -> bool:
    """Raises how many files this process and those it starts may open; whether that is enough."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + _SPARE_FILES
    if hard != resource.RLIM_INFINITY and hard < wanted:
        return False
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    return True


class Audience:
    """Open sockets, and one poll for all."""

    def __init__(self, url: str, credential: str) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._address = (host, int(port))
        self._credential = credential
        self._sockets: dict[int, socket.socket] = {}
        self._poll = select.epoll()

    def open_streams(self, count: int) -> None:
        """Opens event streams of orders, each of which has begun."""
        self._open(count, "/api/v1/events?types=maitred.order.v1", "", b"HTTP/1.1 200 ", b"\nid: ")

    def open_websockets(self, count: int) -> None:
        """Opens WebSockets, each subscribed to orders."""
        self._open(count, "/ws/orders", _WEBSOCKET, b"HTTP/1.1 101 ", b'"subscribed"')

    def hear(self, mark: bytes) -> int:
        """How many have been told this, once all have been told something."""
        heard = 0
        waiting = dict.fromkeys(self._sockets, b"")
        while waiting and (ready := self._poll.poll(PATIENCE_S)):
            for number, _ in ready:
                data = self._sockets[number].recv(65_536)
                if number in waiting:
                    waiting[number] += data
                    if mark in waiting[number] or not data:
                        heard += mark in waiting.pop(number)
        return heard

    def close(self) -> None:
        """Closes all."""
        for one in self._sockets.values():
            one.close()
        self._poll.close()

    def _open(self, count: int, path: str, headers: str, head: bytes, begun: bytes) -> None:
        request = (
            f"GET {path} HTTP/1.1\r\nhost: localhost\r\n"
            f"authorization: Bearer {self._credential}\r\n{headers}\r\n"
        ).encode()
        opened = []
        for _ in range(count):
            one = socket.create_connection(self._address, timeout=PATIENCE_S)
            one.sendall(request)
            self._sockets[one.fileno()] = one
            opened.append(one)
        for one in opened:
            answer = b""
            while begun not in answer:
                answer += (data := one.recv(4096))
                if not data or not answer.startswith(head):
                    raise RuntimeError(f"a connection was refused: {answer!r}")
            one.setblocking(False)
            self._poll.register(one, select.EPOLLIN)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has taken: bytes of memory that are its own, seconds of processors."""

    memory: int
    cpu_s: float

    @classmethod
    def of(cls, pid: int) -> Usage:
        """As the kernel counts it (Linux)."""
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().split("\n")
        pss = next(line for line in rollup if line.startswith("Pss:"))
        times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        ticks = os.sysconf("SC_CLK_TCK")
        return cls(int(pss.split()[1]) * 1024, sum(map(int, times)) / ticks)
