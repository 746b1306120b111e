"""Tenants and API keys as contracts spell them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from maitred.identity.v1 import access_pb2, api_key_pb2, tenant_pb2

from gateway.identity.model import ApiKey, Tenant
from services.chassis.data.ids import to_id
from services.chassis.rpc.errors import Failure, already_exists, invalid, not_found
from services.chassis.rpc.identity import Role

_ROLES: dict[int, Role] = {
    number: Role(name.removeprefix("ROLE_").lower())
    for name, number in access_pb2.Role.items()
    if number
}
_NUMBERS = {role: access_pb2.Role.Value(f"ROLE_{role.upper()}") for role in Role}


def from_tenant(tenant: Tenant) -> tenant_pb2.Tenant:
    """A tenant as answered."""
    return tenant_pb2.Tenant(
        tenant_id=str(tenant.tenant_id),
        slug=tenant.slug,
        display_name=tenant.display_name,
        requests_per_minute=tenant.requests_per_minute,
        create_time=from_time(tenant.create_time),
        time_zone=tenant.time_zone,
    )


def from_api_key(key: ApiKey) -> api_key_pb2.ApiKey:
    """A key as answered, without its digest."""
    return api_key_pb2.ApiKey(
        api_key_id=to_id("key", key.api_key_id),
        display_name=key.display_name,
        roles=from_roles(key.roles),
        requests_per_minute=key.requests_per_minute,
        create_time=from_time(key.create_time),
        expire_time=from_time(key.expire_time),
        last_used_time=from_time(key.last_used_time),
        revoke_time=from_time(key.revoke_time),
    )


def from_roles(roles: Iterable[Role]) -> list[access_pb2.Role.ValueType]:
    """Roles as answered."""
    return sorted(_NUMBERS[role] for role in roles)


def to_roles(numbers: Iterable[int]) -> frozenset[Role]:
    """The roles of a request."""
    return frozenset(_ROLES[number] for number in numbers)


def from_time(time: datetime | None) -> Timestamp | None:
    """A time as a Timestamp."""
    if time is None:
        return None
    found = Timestamp()
    found.FromDatetime(time)
    return found


def to_time(time: Timestamp) -> datetime:
    """A Timestamp as a time in UTC."""
    return time.ToDatetime(tzinfo=UTC)


def tenant_not_found(tenant: str) -> Failure:
    """No tenant has this id or slug, or not for this caller."""
    return not_found("TENANT_NOT_FOUND", f"There is no tenant {tenant}.", tenant=tenant)


def tenant_exists(slug: str) -> Failure:
    """The slug is taken."""
    return already_exists("TENANT_EXISTS", f"The slug {slug} is taken.", slug=slug)


def time_zone_unknown(time_zone: str) -> Failure:
    """No such time zone is known."""
    return invalid("TIME_ZONE_UNKNOWN", f"There is no time zone {time_zone}.", time_zone=time_zone)


def api_key_not_found(api_key_id: str) -> Failure:
    """The tenant has no such key."""
    return not_found(
        "API_KEY_NOT_FOUND", f"There is no API key {api_key_id}.", api_key_id=api_key_id
    )
