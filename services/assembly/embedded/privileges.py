"""Who an embedded server runs as, and how it is told that its parent died."""

import os
import pwd
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from services.assembly.embedded.server import EmbeddedError

UNPRIVILEGED = "nobody"
# The one capability kept: it lets the unprivileged user reach binaries and data below a home
# folder that only root may enter, without a copy and without changing any permission.
KEPT = "-all,+dac_override"


@dataclass(frozen=True, slots=True)
class Account:
    """A user to run a server as."""

    uid: int
    gid: int


def server_account(data: Path) -> Account | None:
    """Whom to become before running a server that refuses root; None: stay who we are."""
    if os.geteuid() != 0:
        return None
    if data.exists():
        return Account(data.stat().st_uid, data.stat().st_gid)
    entry = pwd.getpwnam(UNPRIVILEGED)
    return Account(entry.pw_uid, entry.pw_gid)


def launcher(death_signal: str, account: Account | None) -> list[str]:
    """The command prefix under which a server starts.

    Args:
        death_signal: what the server gets when our process dies, e.g. "INT"; Linux only, a
            guard process does it elsewhere.
        account: whom to become first; needs root.

    Raises:
        EmbeddedError: `setpriv` is missing on Linux, or root elsewhere.
    """
    if sys.platform != "linux":
        if account is not None:
            raise EmbeddedError("run as a normal user: Postgres refuses root on this system.")
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise EmbeddedError(
            "the command setpriv (package util-linux) is missing: install it, "
            "or set DATABASE_URL and REDIS_URL to servers of your own."
        )
    # setpriv sets the signal after the change of user, which would have cleared it.
    death = [setpriv, f"--pdeathsig={death_signal}"]
    if account is None:
        return death
    return [
        *death,
        f"--reuid={account.uid}",
        f"--regid={account.gid}",
        "--clear-groups",
        # Postgres asks access(2) about its own binaries, which leaves capabilities out otherwise.
        "--securebits=+no_setuid_fixup",
        f"--inh-caps={KEPT}",
        f"--ambient-caps={KEPT}",
        f"--bounding-set={KEPT}",
    ]


def check_launcher(prefix: list[str], binary: Path) -> None:
    """Try the prefix once with a harmless call of the server's binary.

    Raises:
        EmbeddedError: the system denies the change of user or the capability.
    """
    tried = subprocess.run(
        [*prefix, str(binary), "--version"], capture_output=True, text=True, check=False
    )
    if tried.returncode != 0:
        raise EmbeddedError(
            "Postgres cannot be started as root here: the system denies changing the user with "
            f"the capability DAC_OVERRIDE ({tried.stderr.strip() or tried.returncode}). "
            "Run as a normal user, or set DATABASE_URL to a server of your own."
        )
