"""Mesh tokens."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from services.chassis.rpc.errors import Failure
from services.chassis.rpc.identity import (
    MeshSigner,
    MeshVerifier,
    Principal,
    Role,
    key_pair,
    new_key,
    public_keys,
)

KEY = new_key()
GUEST = Principal(UUID(int=7), "gst_1", frozenset({Role.GUEST}))


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def signer(clock: Clock) -> MeshSigner:
    return MeshSigner(KEY.private_pem, KEY.kid, clock)


@pytest.fixture
def verifier(clock: Clock) -> MeshVerifier:
    return MeshVerifier(public_keys(KEY.public_pem), clock)


def forged(
    claims: dict[str, Any] | None = None,
    *,
    key: Any = KEY.private_pem,
    algorithm: str = "EdDSA",
    kid: str = KEY.kid,
) -> str:
    return jwt.encode(
        {
            "aud": "mesh",
            "sub": "gst_1",
            "tenant": str(UUID(int=7)),
            "roles": ["guest"],
            "exp": 1_800_000_060,
            **(claims or {}),
        },
        key,
        algorithm=algorithm,
        headers={"kid": kid},
    )


def problem(verify: Callable[[], object]) -> str:
    with pytest.raises(Failure) as raised:
        verify()
    assert raised.value.reason == "UNAUTHENTICATED"
    return raised.value.metadata["problem"]


def test_a_token_names_its_principal(signer: MeshSigner, verifier: MeshVerifier) -> None:
    assert verifier.verify(signer.mint(GUEST)) == GUEST


def test_a_token_ends_after_sixty_seconds_even_if_it_was_verified_before(
    signer: MeshSigner, verifier: MeshVerifier, clock: Clock
) -> None:
    token = signer.mint(GUEST)
    clock.now += 59.9
    assert verifier.verify(token) == GUEST
    clock.now += 0.2
    assert problem(lambda: verifier.verify(token)) == "expired"
    assert problem(lambda: verifier.verify(token)) == "expired"


def test_a_token_is_handed_out_again_while_it_leaves_thirty_seconds(
    signer: MeshSigner, clock: Clock
) -> None:
    first = signer.mint(GUEST)
    clock.now += 30
    assert signer.mint(GUEST) == first
    clock.now += 0.5
    assert signer.mint(GUEST) != first


def test_a_token_outlasts_the_call_it_is_made_for(
    signer: MeshSigner, verifier: MeshVerifier, clock: Clock
) -> None:
    signer.mint(GUEST)
    token = signer.mint(GUEST, 110)
    clock.now += 139.9
    assert verifier.verify(token) == GUEST


def test_a_longer_token_serves_shorter_calls_too(signer: MeshSigner, clock: Clock) -> None:
    chat = signer.mint(GUEST, 110)
    clock.now += 29.5
    assert signer.mint(GUEST, 110) == chat
    clock.now += 90
    assert signer.mint(GUEST, 15) == chat
    assert signer.mint(GUEST, 110) != chat


def test_no_token_lasts_longer_than_five_minutes(
    signer: MeshSigner, verifier: MeshVerifier, clock: Clock
) -> None:
    token = signer.mint(GUEST, 3600)
    clock.now += 29.5
    assert signer.mint(GUEST, 3600) == token
    clock.now += 271
    assert problem(lambda: verifier.verify(token)) == "expired"


def test_principals_do_not_share_tokens(signer: MeshSigner, verifier: MeshVerifier) -> None:
    other = Principal(GUEST.tenant_id, "gst_2", GUEST.roles)
    assert verifier.verify(signer.mint(other)) == other
    assert signer.mint(GUEST) != signer.mint(other)


def test_the_algorithm_is_pinned(verifier: MeshVerifier) -> None:
    confused = forged(key="a secret of thirty-two bytes, or so", algorithm="HS256")
    unsigned = forged(key=None, algorithm="none")
    assert problem(lambda: verifier.verify(confused)) == "not a valid mesh token"
    assert problem(lambda: verifier.verify(unsigned)) == "not a valid mesh token"


def test_a_key_nobody_configured_is_refused(verifier: MeshVerifier) -> None:
    stranger = new_key()
    assert (
        problem(lambda: verifier.verify(forged(key=stranger.private_pem, kid=stranger.kid)))
        == "unknown key"
    )
    assert (
        problem(lambda: verifier.verify(forged(key=stranger.private_pem)))
        == "not a valid mesh token"
    )


def test_a_tampered_token_is_refused(signer: MeshSigner, verifier: MeshVerifier) -> None:
    head, _, signature = signer.mint(GUEST).split(".")
    _, body, _ = forged({"roles": ["admin"]}).split(".")
    assert problem(lambda: verifier.verify(f"{head}.{body}.{signature}")) != ""


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "public"},
        {"tenant": "corner-bar"},
        {"roles": ["owner"]},
        {"roles": None},
        {"sub": None},
    ],
    ids=str,
)
def test_a_token_that_says_something_else_is_refused(
    verifier: MeshVerifier, claims: dict[str, Any]
) -> None:
    assert problem(lambda: verifier.verify(forged(claims))) == "not a valid mesh token"


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é" * 40])
def test_what_is_no_token_is_refused(verifier: MeshVerifier, token: str) -> None:
    assert problem(lambda: verifier.verify(token)) == "not a valid mesh token"


def test_keys_rotate_by_a_bundle_of_two(clock: Clock) -> None:
    old, new = new_key(), new_key()
    verifier = MeshVerifier(public_keys(old.public_pem + new.public_pem), clock)
    for pair in (old, new):
        token = MeshSigner(pair.private_pem, pair.kid, clock).mint(GUEST)
        assert verifier.verify(token) == GUEST


def test_a_private_key_tells_its_pair() -> None:
    assert key_pair(KEY.private_pem) == KEY
    assert load_pem_private_key(KEY.private_pem.encode(), None) is not None


def test_a_guest_with_another_role_is_not_only_a_guest() -> None:
    both = Principal(GUEST.tenant_id, "key_1", frozenset({Role.GUEST, Role.STAFF}))
    assert GUEST.is_guest_only
    assert not both.is_guest_only
    assert both.has_any(Role.ADMIN, Role.STAFF)
    assert not GUEST.has_any(Role.ADMIN, Role.STAFF)
