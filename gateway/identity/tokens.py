"""Access tokens: what the gateway gives browsers and guests, and believes when it comes back.

An EdDSA (Ed25519) JWT for the audience `maitred`: `tenant` (UUID), `slug`, `sub` (`gst_…` for a
guest, `key_…` for a browser signed in with an API key). Its audience keeps it from being taken
for a mesh token, which the same key signs. It names no roles: a guest is a guest, and a key's
roles are those it has now.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gateway.identity.model import Tenant
from services.chassis.rpc.errors import unauthenticated
from services.chassis.rpc.identity import key_pair

ALGORITHM = "EdDSA"
AUDIENCE = "maitred"
ISSUER = "maitred-gateway"
# What a credential that held once is refused with.
EXPIRED = "expired"
REVOKED = "revoked"
_MOST_KEPT = 16_384
_LONGEST = 2048


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token read: whom it names, in which tenant, until when."""

    tenant_id: UUID
    slug: str
    principal_id: str
    expires: datetime


class AccessTokens:
    """Issues and reads access tokens with one key. `ValueError` if it is not Ed25519 in PEM."""

    def __init__(self, private_pem: str, clock: Callable[[], datetime]) -> None:
        pair = key_pair(private_pem)
        self._kid = pair.kid
        self._private = load_pem_private_key(pair.private_pem.encode(), password=None)
        self._public = self._private.public_key()
        self._clock = clock
        self._read: dict[str, AccessToken] = {}

    def issue(
        self, tenant: Tenant, principal_id: str, lifetime: timedelta
    ) -> tuple[str, AccessToken]:
        """A fresh token and what it says."""
        now = self._clock().replace(microsecond=0)
        token = AccessToken(tenant.tenant_id, tenant.slug, principal_id, now + lifetime)
        text = jwt.encode(
            {
                "iss": ISSUER,
                "aud": AUDIENCE,
                "sub": principal_id,
                "tenant": str(tenant.tenant_id),
                "slug": tenant.slug,
                "iat": int(now.timestamp()),
                "exp": int(token.expires.timestamp()),
            },
            self._private,  # type: ignore[arg-type]  # Ed25519, as key_pair has checked
            algorithm=ALGORITHM,
            headers={"kid": self._kid},
        )
        return text, token

    def read(self, text: str) -> AccessToken:
        """What a token says. Fails with UNAUTHENTICATED if it is not ours or has expired."""
        token = self._read.get(text)
        if token is None:
            token = self._verified(text)
            self._read[text] = token
            if len(self._read) > _MOST_KEPT:
                del self._read[next(iter(self._read))]
        if token.expires <= self._clock():
            raise unauthenticated(EXPIRED)
        return token

    def _verified(self, text: str) -> AccessToken:
        if len(text) > _LONGEST:
            raise unauthenticated("not a valid token")
        try:
            claims = jwt.decode(
                text,
                self._public,  # type: ignore[arg-type]  # Ed25519, as key_pair has checked
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                # Times are checked against our own clock.
                options={
                    "require": ["exp", "sub", "tenant", "slug"],
                    "verify_exp": False,
                    "verify_iat": False,
                },
            )
            return AccessToken(
                tenant_id=UUID(claims["tenant"]),
                slug=claims["slug"],
                principal_id=claims["sub"],
                expires=datetime.fromtimestamp(claims["exp"], UTC),
            )
        except (jwt.InvalidTokenError, ValueError, TypeError) as error:
            raise unauthenticated("not a valid token") from error
