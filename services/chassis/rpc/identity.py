"""Mesh tokens: who a call is made for, said by the gateway and verified by every service.

A token is an EdDSA (Ed25519) JWT for the audience `mesh`: `tenant` (UUID), `sub` (principal id),
`roles`. It lasts a minute longer than the call it was made for, five at most. Its `kid` is the
hash of the public key, so a bundle of public keys in PEM is all a service needs to know. Nothing
is asked of the gateway to verify one.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from services.chassis.rpc.errors import unauthenticated

ALGORITHM = "EdDSA"
AUDIENCE = "mesh"
LIFETIME_S = 60
LONGEST_LIFETIME_S = 300
# A minted token is handed out again while it outlasts a call by this.
_SPARE_S = 30
_CACHED_TOKENS = 16_384
_WRONG_KEY = "a mesh key is an Ed25519 key in PEM"

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

Clock = Callable[[], float]
"""Seconds since the epoch."""


class Role(StrEnum):
    """The roles of maitred.identity.v1.Role, as tokens spell them."""

    GUEST = "guest"
    STAFF = "staff"
    MANAGER = "manager"
    ADMIN = "admin"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who acts: a tenant's UUID, an id within it (`gst_…`, `key_…`, `svc_…`) and its roles."""

    tenant_id: UUID
    principal_id: str
    roles: frozenset[Role]

    @property
    def is_guest_only(self) -> bool:
        """Whether they may see only what is their own."""
        return self.roles <= {Role.GUEST}

    def has_any(self, *roles: Role) -> bool:
        """Whether they hold at least one of these."""
        return not self.roles.isdisjoint(roles)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An Ed25519 key: its id and both halves in PEM."""

    kid: str
    private_pem: str
    public_pem: str


def new_key() -> KeyPair:
    """A fresh key from the system's randomness."""
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    return key_pair(pem)


def key_pair(private_pem: str) -> KeyPair:
    """The pair of a private key in PEM. Raises ValueError for anything but Ed25519."""
    public = _private(private_pem).public_key()
    return KeyPair(_key_id(public), private_pem, _public_pem(public))


def public_keys(bundle: str) -> dict[str, str]:
    """Public keys by id, of any number of PEM blocks in one text. ValueError if one is not ours."""
    end = "-----END PUBLIC KEY-----"
    keys = {}
    for block in bundle.split(end)[:-1]:
        public = _public(block.strip() + "\n" + end)
        keys[_key_id(public)] = _public_pem(public)
    return keys


class MeshSigner:
    """Mints mesh tokens with one private key."""

    def __init__(self, private_key_pem: str, kid: str, clock: Clock = time.time) -> None:
        self._key = _private(private_key_pem)
        self._kid = kid
        self._clock = clock
        self._minted: dict[Principal, tuple[str, float]] = {}

    def mint(self, principal: Principal, call_s: float = 0.0) -> str:
        """A token for the principal that outlasts a call of so many seconds by 30 s.

        No call is longer than four minutes: a token's life ends after five.
        """
        now = self._clock()
        call_s = min(call_s, LONGEST_LIFETIME_S - LIFETIME_S)
        token, expires = self._minted.get(principal, ("", 0.0))
        if expires - now >= call_s + _SPARE_S:
            return token
        expires = int(now + call_s) + LIFETIME_S
        token = jwt.encode(
            {
                "aud": AUDIENCE,
                "sub": principal.principal_id,
                "tenant": str(principal.tenant_id),
                "roles": sorted(principal.roles),
                "iat": int(now),
                "exp": expires,
            },
            self._key,
            algorithm=ALGORITHM,
            headers={"kid": self._kid},
        )
        _remember(self._minted, principal, (token, expires))
        return token


class MeshVerifier:
    """Verifies mesh tokens against known public keys, once each while they last."""

    def __init__(self, keys: Mapping[str, str], clock: Clock = time.time) -> None:
        self._keys = {kid: _public(pem) for kid, pem in keys.items()}
        self._clock = clock
        self._verified: dict[str, tuple[Principal, float]] = {}

    def verify(self, token: str) -> Principal:
        """Whom the token names. Fails with UNAUTHENTICATED and what is wrong with it."""
        known = self._verified.get(token)
        if known is None:
            known = self._checked(token)
            _remember(self._verified, token, known)
        principal, expires = known
        if expires <= self._clock():
            self._verified.pop(token, None)
            raise unauthenticated("expired")
        return principal

    def _checked(self, token: str) -> tuple[Principal, float]:
        try:
            kid = jwt.get_unverified_header(token).get("kid", "")
            key = self._keys.get(kid)
            if key is None:
                raise unauthenticated("unknown key")
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                # The times are checked against our own clock.
                options={
                    "require": ["exp", "aud", "sub", "tenant", "roles"],
                    "verify_exp": False,
                    "verify_iat": False,
                },
            )
            principal = Principal(
                UUID(claims["tenant"]),
                claims["sub"],
                frozenset(Role(role) for role in claims["roles"]),
            )
            return principal, float(claims["exp"])
        except (jwt.InvalidTokenError, ValueError, TypeError) as error:
            raise unauthenticated("not a valid mesh token") from error


def _private(pem: str) -> Ed25519PrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(_WRONG_KEY)  # noqa: TRY004 - the text is wrong, not its type
    return key


def _public(pem: str) -> Ed25519PublicKey:
    key = serialization.load_pem_public_key(pem.encode())
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError(_WRONG_KEY)  # noqa: TRY004 - the text is wrong, not its type
    return key


def _remember(cache: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    cache.pop(key, None)
    cache[key] = value
    # The oldest is among the first to expire; one that is missed is made or checked once more.
    if len(cache) > _CACHED_TOKENS:
        del cache[next(iter(cache))]


def _public_pem(public: Ed25519PublicKey) -> str:
    return public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def _key_id(public: Ed25519PublicKey) -> str:
    raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:16]
