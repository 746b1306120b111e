"""What every process of a mesh on this machine is told: addresses, servers, keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.assembly.addresses import Addresses, Endpoint
from services.assembly.home import Home
from services.assembly.migrations import database_fields
from services.assembly.targets import LISTEN_FIELDS, Target
from services.chassis.rpc.identity import KeyPair, key_pair, new_key
from services.chassis.run.config import ProcessConfig

MESH_KEY = "mesh.key"
PAGE_TOKEN_KEY = "page-token.key"  # noqa: S105 - a file's name


@dataclass(frozen=True, slots=True)
class LocalMesh:
    """The facts shared by all processes of one mesh.

    Attributes:
        database_url: the migrator's.
        service_urls: each service's own, with its role, by target.
    """

    addresses: Addresses
    database_url: str
    redis_url: str
    service_urls: Mapping[str, str]
    mesh_key: KeyPair
    page_token_key: str

    def settings(self, target: Target) -> ProcessConfig:
        """The target's settings: what the user has set, then what this mesh decides."""
        config = target.load().config
        decided = self._decided(target, config)
        set_by_user = config().model_fields_set - set(LISTEN_FIELDS.values())
        return config(
            **{
                name: value
                for name, value in decided.items()
                if name in config.model_fields and name not in set_by_user
            }
        )

    def peers(self) -> dict[str, str]:
        """GRPC targets by name."""
        return {
            owner: f"ipv4:{self.addresses.reach(owner, 'grpc')}"
            for owner, kinds in self.addresses.by_owner.items()
            if "grpc" in kinds
        }

    def _decided(self, target: Target, config: type[ProcessConfig]) -> dict[str, Any]:
        listening = {
            LISTEN_FIELDS[kind]: address
            for kind, address in self.addresses.by_owner[target.name].items()
        }
        peers = {f"MAITRED_{owner.upper()}_ADDRESS": peer for owner, peer in self.peers().items()}
        called = {
            name: peers[variable]
            for name in config.model_fields
            if (variable := config.variable(name)) in peers
        }
        return {
            **listening,
            **called,
            **database_fields(config, self.service_urls),
            "redis_url": self.redis_url,
            "mesh_public_keys": self.mesh_key.public_pem,
            "mesh_private_key": self.mesh_key.private_pem if target.mints else "",
            "page_token_key": self.page_token_key,
        }


def local_mesh_key(home: Home) -> KeyPair:
    """The key pair of this installation's mesh tokens, made at the first call."""
    return key_pair(home.keep(MESH_KEY, new_key().private_pem))


def wished_endpoints(targets: Sequence[Target], port: int | None) -> list[Endpoint]:
    """Where the targets' settings want to listen.

    Args:
        targets: to be run side by side.
        port: of the gateway's HTTP, instead of its setting; 0 for any port everywhere.
    """
    endpoints = []
    for target in targets:
        settings = target.load().config()
        for kind in target.kinds:
            host, _, wished = getattr(settings, LISTEN_FIELDS[kind]).rpartition(":")
            if port is not None and (kind == "http" or port == 0):
                wished = port
            endpoints.append(Endpoint(target.name, kind, int(wished), host))
    return endpoints
