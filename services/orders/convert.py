"""What the services of this room share of the wire."""

from services.chassis.rpc.identity import Principal


def visible_to(principal: Principal) -> str | None:
    """The principal whose rows a caller may see; None for everyone's of the tenant."""
    return principal.principal_id if principal.is_guest_only else None
