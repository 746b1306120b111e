"""Coming to a gateway as the manager of a tenant."""

import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.assembly.client import GatewayClient, Refused
from services.assembly.demo.access import read_tenants
from services.assembly.refusal import Refusal
from services.assembly.running import running_mesh, state_folder

T = TypeVar("T")


def manager_access(url: str = "", tenant: str = "") -> tuple[str, str]:
    """The gateway, and the key of a manager.

    Args:
        url: the gateway; by default $MAITRED_URL, else that of the running mesh.
        tenant: slug of a demo tenant; by default whose key is in $MAITRED_API_KEY, else the first
            demo tenant.

    Raises:
        Refusal: there is no mesh, or no key.
    """
    url = url or os.environ.get("MAITRED_URL", "") or running_mesh().gateway_url
    if not tenant and (key := os.environ.get("MAITRED_API_KEY", "")):
        return url, key
    known = {one.slug: one.manager_key for one in read_tenants(state_folder())}
    if tenant and tenant not in known:
        raise Refusal(f"no such demo tenant: {tenant}; for others put a key into MAITRED_API_KEY.")
    if not known:
        raise Refusal("of which tenant? Set MAITRED_API_KEY to a manager's key.")
    return url, known[tenant] if tenant else next(iter(known.values()))


async def as_manager(work: Callable[[GatewayClient], Awaitable[T]], url: str, tenant: str) -> T:
    """What the work returns, done by a client of `manager_access`.

    Raises:
        Refusal: nothing answers there, or what was asked is refused.
    """
    import httpx

    base_url, key = manager_access(url, tenant)
    async with httpx.AsyncClient(base_url=base_url, timeout=30) as http:
        try:
            await http.get("/health")
            return await work(GatewayClient(http, key))
        except httpx.TransportError as error:
            raise Refusal(f"nothing answers at {base_url}: {error}") from None
        except Refused as refused:
            raise Refusal(str(refused)) from None
