"""Keys' texts, tokens, cookies and origins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.cookies import Origins, find_cookie, is_local, set_cookie
from gateway.identity.model import SECRET_BYTES, Tenant, included, read_key, write_key
from gateway.identity.tokens import AccessTokens
from services.chassis.rpc.errors import Failure
from services.chassis.rpc.identity import MeshVerifier, Role, new_key

KEY = new_key()
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TENANT = Tenant(UUID(int=7), "corner-cafe", "Corner Café", 0, NOW)


@given(st.uuids(), st.uuids(), st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES))
def test_a_keys_text_names_its_tenant_and_itself(tenant: UUID, key: UUID, secret: bytes) -> None:
    written = write_key(tenant, key, secret)
    assert written.text.startswith("mk_")
    assert read_key(written.text) == written


@given(st.text(max_size=90))
def test_other_text_is_no_key(text: str) -> None:
    assert read_key(text) is None
    assert read_key("mk_" + text[:75]) is None or len(text) == 75


def test_roles_include_lesser_ones() -> None:
    assert included(frozenset({Role.MANAGER})) == {Role.MANAGER, Role.STAFF, Role.GUEST}
    assert included(frozenset({Role.ADMIN})) == set(Role)
    assert Role.STAFF not in included(frozenset({Role.GUEST}))


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def test_a_token_is_read_back_until_it_expires() -> None:
    clock = Clock()
    tokens = AccessTokens(KEY.private_pem, clock)
    text, issued = tokens.issue(TENANT, "gst_1", timedelta(minutes=15))
    assert tokens.read(text) == issued
    clock.now += timedelta(minutes=15)
    with pytest.raises(Failure, match="expired"):
        tokens.read(text)


def test_a_guests_token_is_no_mesh_token_and_the_other_way_round() -> None:
    tokens = AccessTokens(KEY.private_pem, Clock())
    text, _ = tokens.issue(TENANT, "gst_1", timedelta(minutes=15))
    with pytest.raises(Failure):
        MeshVerifier({KEY.kid: KEY.public_pem}, NOW.timestamp).verify(text)
    forged = jwt.encode(
        {"aud": "mesh", "sub": "key_1", "tenant": str(UUID(int=7)), "slug": "x", "exp": 2**31},
        KEY.private_pem,
        algorithm="EdDSA",
    )
    with pytest.raises(Failure):
        tokens.read(forged)


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_the_algorithm_is_pinned(algorithm: str) -> None:
    claims = {
        "iss": "maitred-gateway",
        "aud": "maitred",
        "sub": "gst_1",
        "tenant": str(UUID(int=7)),
        "slug": "x",
        "exp": 2**31,
    }
    secret = "" if algorithm == "none" else "x" * 32
    forged = jwt.encode(claims, secret, algorithm=algorithm)
    with pytest.raises(Failure):
        AccessTokens(KEY.private_pem, Clock()).read(forged)


LOCAL = {b"host": b"localhost:8080"}
REMOTE = {b"host": b"coffee.example"}


def test_a_cookie_set_is_found_again() -> None:
    for headers in (LOCAL, REMOTE):
        written = set_cookie("guest", "corner-cafe", "abc", 60, headers).partition(";")[0]
        sent = {**headers, b"cookie": b"other=1; " + written.encode()}
        assert find_cookie(sent, "") == "abc"
        assert find_cookie(sent, "guest-corner-cafe") == "abc"


def test_a_plain_cookie_counts_on_localhost_only() -> None:
    sent = {**REMOTE, b"cookie": b"maitred-guest-corner-cafe=abc"}
    assert find_cookie(sent, "") == ""


@pytest.mark.parametrize(
    ("host", "local"),
    [
        (b"localhost", True),
        (b"127.0.0.1:8080", True),
        (b"[::1]:8080", True),
        (b"192.168.1.7:8080", False),
        (b"localhost.example", False),
        (b"", False),
        (b"[", False),
        (b"\xff", False),
    ],
)
def test_only_this_machine_is_local(host: bytes, local: bool) -> None:
    assert is_local({b"host": host}) is local


def test_of_several_cookies_one_must_be_selected() -> None:
    sent = {**LOCAL, b"cookie": b"maitred-guest-a=1; maitred-staff-a=2"}
    assert find_cookie(sent, "staff-a") == "2"
    for selector in ("", "guest-b"):
        with pytest.raises(Failure):
            find_cookie(sent, selector)


@pytest.mark.parametrize(
    "headers",
    [
        {b"origin": b"http://localhost:8080"},
        {b"origin": b"https://app.example"},
        {b"sec-fetch-site": b"same-origin"},
    ],
)
def test_our_own_pages_may_write(headers: dict[bytes, bytes]) -> None:
    Origins({"https://app.example"}).check("POST", {**LOCAL, **headers})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"origin": b"null"},
        {b"origin": b"http://localhost"},
        {b"origin": b"ftp://localhost:8080"},
        {b"origin": b"https://evil.example", b"sec-fetch-site": b"same-origin"},
        {b"sec-fetch-site": b"same-site"},
    ],
)
def test_other_pages_may_not(headers: dict[bytes, bytes]) -> None:
    with pytest.raises(Failure, match="ORIGIN_NOT_ALLOWED"):
        Origins().check("POST", {**LOCAL, **headers})
    Origins().check("GET", {**LOCAL, **headers})
