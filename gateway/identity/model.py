"""Tenants and API keys, as values."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.chassis.rpc.identity import Role

PREFIX = "mk_"
SECRET_BYTES = 24
_UUID_BYTES = 16
_TEXT_LENGTH = len(PREFIX) + 4 * -(-(2 * _UUID_BYTES + SECRET_BYTES) // 3) - 1

# Roles whose holder may do all that the ones behind them may.
_INCLUDED = {
    Role.ADMIN: frozenset(Role),
    Role.MANAGER: frozenset({Role.MANAGER, Role.STAFF, Role.GUEST}),
    Role.STAFF: frozenset({Role.STAFF, Role.GUEST}),
    Role.SERVICE: frozenset({Role.SERVICE, Role.GUEST}),
    Role.GUEST: frozenset({Role.GUEST}),
}


@dataclass(frozen=True, slots=True)
class Tenant:
    """A business. `requests_per_minute` replaces each route's limit; 0 keeps it.

    `time_zone` is an IANA name.
    """

    tenant_id: UUID
    slug: str
    display_name: str
    requests_per_minute: int
    create_time: datetime
    time_zone: str = "UTC"


def is_time_zone(name: str) -> bool:
    """Whether an IANA time zone of that name is known here."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret: `digest` is the SHA-256 of its whole text."""

    tenant_id: UUID
    api_key_id: UUID
    digest: bytes
    display_name: str
    roles: frozenset[Role]
    requests_per_minute: int
    create_time: datetime
    expire_time: datetime | None
    last_used_time: datetime | None
    revoke_time: datetime | None

    def works(self, now: datetime) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoke_time is None and (self.expire_time is None or now < self.expire_time)


@dataclass(frozen=True, slots=True)
class KeyText:
    """A key's text, `mk_…`: it names its tenant and itself, and holds the secret.

    `digest` is what is kept of it.
    """

    tenant_id: UUID
    api_key_id: UUID
    text: str
    digest: bytes

    def opens(self, key: ApiKey) -> bool:
        """Whether it is this key's text."""
        return hmac.compare_digest(self.digest, key.digest)


def write_key(tenant_id: UUID, api_key_id: UUID, secret: bytes) -> KeyText:
    """The text of a key, of `SECRET_BYTES` random bytes."""
    raw = tenant_id.bytes + api_key_id.bytes + secret
    text = PREFIX + base64.urlsafe_b64encode(raw).decode().rstrip("=")
    return KeyText(tenant_id, api_key_id, text, _digest(text))


def read_key(text: str) -> KeyText | None:
    """The parts of a key's text; None if it has not the form of one."""
    if len(text) != _TEXT_LENGTH or not text.startswith(PREFIX):
        return None
    try:
        raw = base64.b64decode(text.removeprefix(PREFIX) + "=", altchars=b"-_", validate=True)
    except ValueError:
        return None
    tenant_id, api_key_id = raw[:_UUID_BYTES], raw[_UUID_BYTES : 2 * _UUID_BYTES]
    return KeyText(UUID(bytes=tenant_id), UUID(bytes=api_key_id), text, _digest(text))


def included(roles: frozenset[Role]) -> frozenset[Role]:
    """All roles that holding these amounts to."""
    return frozenset().union(*(_INCLUDED[role] for role in roles))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
