"""What is known of the demo tenants after they were seeded: ids and API keys."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from services.assembly.home import Home, write_private

# What `demo.env` sets: not settings of a process, but where a client finds one, and as whom.
CLIENT_VARIABLES = ("MAITRED_URL", "MAITRED_ORDERS_GRPC", "MAITRED_API_KEY", "MAITRED_TENANT")


@dataclass(frozen=True, slots=True)
class DemoTenant:
    """A demo tenant and the API keys made for it.

    Attributes:
        catalog: hash of the catalog and the promotions it was given.
    """

    slug: str
    tenant_id: str
    display_name: str
    manager_key: str
    staff_key: str
    catalog: str


def read_tenants(home: Home) -> tuple[DemoTenant, ...]:
    """The demo tenants seeded from this state folder so far."""
    try:
        kept = json.loads((home.path / "demo.json").read_text())
    except FileNotFoundError:
        return ()
    return tuple(DemoTenant(**one) for one in kept)


def keep_tenants(home: Home, tenants: Sequence[DemoTenant]) -> None:
    """Remember them and their keys, readable by the folder's owner only."""
    write_private(home.path / "demo.json", json.dumps([asdict(one) for one in tenants], indent=1))


def write_demo_env(home: Home, gateway_url: str, orders_address: str, tenant: DemoTenant) -> None:
    """Write `demo.env`, to be sourced by a shell: where the mesh is, and a manager's key."""
    values = (gateway_url, orders_address, tenant.manager_key, tenant.slug)
    lines = (
        f"export {name}={value}\n" for name, value in zip(CLIENT_VARIABLES, values, strict=True)
    )
    write_private(home.demo_env, "".join(lines))
