"""The state folder (`.maitred/`): where data, logs, generated secrets and the run record live."""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from services.assembly.refusal import Refusal

CHECKOUT = Path(__file__).resolve().parents[2]
LOG_ROTATE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Home:
    """Paths inside one state folder. Nothing is created before `ensure`."""

    path: Path

    @classmethod
    def locate(cls, chosen: str) -> "Home":
        """The folder chosen, else `.maitred` of the checkout, else of the working directory."""
        if chosen:
            return cls(Path(chosen).absolute())
        root = CHECKOUT if (CHECKOUT / "pyproject.toml").is_file() else Path.cwd()
        return cls(root / ".maitred")

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def run_record(self) -> Path:
        """What the running supervisor runs, as JSON; see `services.assembly.record`."""
        return self.path / "run.json"

    @property
    def demo_env(self) -> Path:
        return self.path / "demo.env"

    def ensure(self) -> "Home":
        """Create the folder (0700), and what is missing above it; what exists stays as it is.

        Raises:
            Refusal: it belongs to another user.
        """
        with contextlib.suppress(PermissionError):
            # One by one: `parents=True` would leave the parents open to everyone.
            for folder in (*reversed(self.path.parents), self.path, self.logs):
                folder.mkdir(mode=0o700, exist_ok=True)
        # Root could write anywhere, but what it leaves behind the owner could not use.
        if not self.logs.exists() or self.path.stat().st_uid != os.geteuid():
            raise Refusal(
                f"{self.path} belongs to another user: run as its owner, "
                "or set MAITRED_HOME to a folder of your own."
            )
        return self

    @contextlib.contextmanager
    def held(self) -> Iterator[bool]:
        """Hold the folder for this process; False if another one does."""
        with (self.path / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def is_held(self) -> bool:
        """Whether a process holds the folder: a mesh runs from it."""
        if not (self.path / "lock").exists():
            return False
        with self.held() as free:
            return not free

    def secret(self, name: str) -> str:
        """A random URL-safe secret of 32 bytes, made at the first call and kept (0600)."""
        return self.keep(name, secrets.token_urlsafe(32))

    def keep(self, name: str, fresh: str) -> str:
        """The text kept under `name` (0600); `fresh` becomes it where there is none yet."""
        kept = self.path / name
        try:
            descriptor = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return kept.read_text()
        with os.fdopen(descriptor, "w") as file:
            file.write(fresh)
        return fresh

    def log(self, name: str) -> Path:
        """The log of one process; a file past 16 MiB is set aside as `<name>.log.1` first."""
        path = self.logs / f"{name}.log"
        if path.exists() and path.stat().st_size > LOG_ROTATE_BYTES:
            path.replace(path.with_suffix(".log.1"))
        return path


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner only."""
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    staged.unlink(missing_ok=True)
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    staged.replace(path)
