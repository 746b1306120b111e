"""Which address everything of a local mesh listens on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.assembly.network import LOOPBACK, QUIET_PORTS, free_port

EVERYWHERE = ("0.0.0.0", "[::]", "")  # noqa: S104 - recognised, never chosen


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address a program listens on.

    Attributes:
        owner: name of the program.
        kind: `http`, `grpc`, `admin` or `tcp`.
        port: wished for; 0 for any.
        host: to bind.
    """

    owner: str
    kind: str
    port: int
    host: str = LOOPBACK


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses chosen.

    Attributes:
        by_owner: host:port by owner and kind.
        moved: a sentence for every wish that could not be met.
    """

    by_owner: Mapping[str, Mapping[str, str]]
    moved: Sequence[str]

    def reach(self, owner: str, kind: str) -> str:
        """The host:port by which this machine reaches it."""
        host, _, port = self.by_owner[owner][kind].rpartition(":")
        return f"{LOOPBACK if host in EVERYWHERE else host}:{port}"

    def port(self, owner: str, kind: str) -> int:
        """The port alone."""
        return int(self.by_owner[owner][kind].rpartition(":")[2])


def choose_addresses(endpoints: Sequence[Endpoint], among: range = QUIET_PORTS) -> Addresses:
    """A free port for every endpoint, its own wish first, no two the same.

    Args:
        endpoints: in the order they choose.
        among: where those without a wish look.
    """
    taken: set[int] = set()
    by_owner: dict[str, dict[str, str]] = {}
    moved: list[str] = []
    for endpoint in endpoints:
        port = free_port(endpoint.port, taken, among)
        taken.add(port)
        by_owner.setdefault(endpoint.owner, {})[endpoint.kind] = f"{endpoint.host}:{port}"
        if endpoint.port not in {0, port}:
            moved.append(
                f"port {endpoint.port} is taken: {endpoint.owner} ({endpoint.kind}) uses {port}"
            )
    return Addresses(by_owner, moved)
