"""The installation that is checked: the mesh that runs from the state folder, or what is set."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from services.assembly.addresses import EVERYWHERE
from services.assembly.demo.access import read_tenants
from services.assembly.home import Home
from services.assembly.migrations import service_urls
from services.assembly.network import LOOPBACK
from services.assembly.record import read_record
from services.assembly.running import database_url, redis_url
from services.assembly.targets import TARGETS, configured_urls


@dataclass(frozen=True, slots=True)
class Access:
    """How to be a guest and a manager of a tenant; empty where that is not known."""

    gateway_url: str
    tenant: str
    manager_key: str

    @property
    def is_complete(self) -> bool:
        return bool(self.gateway_url and self.tenant and self.manager_key)


@dataclass(frozen=True, slots=True)
class Site:
    """Where everything is.

    Attributes:
        database_url: the migrator's.
        service_urls: each service's own, by target.
        redis_url: of the streams.
        peers: gRPC targets by target.
        admin: `host:port` of admin ports by target.
        access: to the gateway.
    """

    database_url: str
    service_urls: Mapping[str, str]
    redis_url: str
    peers: Mapping[str, str]
    admin: Mapping[str, str]
    access: Access


def find_site(home: Home) -> Site:
    """The site that commands started here work on.

    Raises:
        Refusal: no mesh runs from the folder, and no servers are set.
    """
    record = read_record(home)
    if record is None:
        peers, admin = _set_peers(), _set_admin()
    else:
        addresses = {one.name: one.addresses for one in record.processes}
        peers = {name: f"ipv4:{one['grpc']}" for name, one in addresses.items() if "grpc" in one}
        admin = {name: one["admin"] for name, one in addresses.items() if "admin" in one}
    database = database_url()
    return Site(
        database_url=database,
        service_urls=service_urls(database, home.ensure(), configured_urls()),
        redis_url=redis_url(),
        peers=peers,
        admin=admin,
        access=_access(home, record.gateway_url if record else ""),
    )


def _set_peers() -> dict[str, str]:
    """Where the settings of those who call say that others are."""
    return {
        name: where for target in TARGETS for name, where in target.load().config().peers().items()
    }


def _set_admin() -> dict[str, str]:
    """Where targets on this machine listen; the port alone matters where they do everywhere."""
    found = {}
    for target in TARGETS:
        host, _, port = target.load().config().admin_listen.rpartition(":")
        if int(port):
            found[target.name] = f"{LOOPBACK if host in EVERYWHERE else host}:{port}"
    return found


def _access(home: Home, gateway_url: str) -> Access:
    """By what `demo.env` sets, else the first demo tenant's."""
    url = os.environ.get("MAITRED_URL", "") or gateway_url
    tenants = read_tenants(home)
    if os.environ.get("MAITRED_API_KEY") or not tenants:
        given = (os.environ.get(name, "") for name in ("MAITRED_TENANT", "MAITRED_API_KEY"))
        return Access(url, *given)
    return Access(url, tenants[0].slug, tenants[0].manager_key)


def host_of(url: str) -> str:
    """A server's `host:port` and database, without user and password."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}{parts.path}" if parts.port else str(parts.hostname)
