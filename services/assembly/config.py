"""Settings of the assembly itself: the servers behind every service, and where state is kept."""

from services.assembly.network import QUIET_PORTS
from services.chassis.run.config import RedisUrl, Settings, setting


class AssemblyConfig(Settings):
    """The installation: what all services stand on."""

    database_url: str = setting(
        "",
        "Postgres 15 or newer with pgvector, by a role that may create roles and bypasses row "
        "security; empty to run an embedded one.",
        env="DATABASE_URL",
        sensitive=True,
    )
    redis_url: RedisUrl = setting(
        "",
        "Redis 7 or Valkey 8, or newer; empty to run an embedded one.",
        env="REDIS_URL",
        sensitive=True,
    )
    home: str = setting(
        "", "Folder of embedded data, logs and generated keys; empty for .maitred in the checkout."
    )
    quiet_ports: str = setting(
        f"{QUIET_PORTS[0]}-{QUIET_PORTS[-1]}",
        "Ports to take where any will do, first-last; installations that start at the same moment "
        "on one machine need their own.",
        pattern=r"^\d{4,5}-\d{4,5}$",
    )

    @property
    def ports(self) -> range:
        """The quiet ports."""
        first, last = map(int, self.quiet_ports.split("-"))
        return range(first, last + 1)
