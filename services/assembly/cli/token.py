"""`maitred token`: a mesh token for `buf curl` and `grpcurl`."""

from typing import Annotated

import typer


def token(
    role: Annotated[str, typer.Option(help="guest, staff, manager, admin or service.")] = "manager",
    tenant: Annotated[
        str, typer.Option(help="Slug of a demo tenant, or a tenant's UUID; the first by default.")
    ] = "",
) -> None:
    """Print a mesh token of 60 s, signed with the key of the local installation."""
    from uuid import UUID

    from services.assembly.demo.access import read_tenants
    from services.assembly.local import local_mesh_key
    from services.assembly.refusal import Refusal
    from services.assembly.running import state_folder
    from services.chassis.rpc.identity import MeshSigner, Principal, Role

    home = state_folder()
    known = {one.slug: one.tenant_id for one in read_tenants(home)}
    try:
        tenant_id = UUID(known.get(tenant, tenant) if tenant else next(iter(known.values()), ""))
    except ValueError:
        raise Refusal(f"no such tenant: {tenant or 'none was seeded yet'}.") from None
    if role not in list(Role):
        raise Refusal(f"no such role: {role}; there are {', '.join(Role)}.")
    key = local_mesh_key(home)
    principal = Principal(tenant_id, "svc_operator", frozenset({Role(role)}))
    print(MeshSigner(key.private_pem, key.kid).mint(principal))
