"""Cookies: which one of those a browser holds a request means, and when a page may use it.

`maitred-guest-<slug>` and `maitred-staff-<slug>`, so that one browser may be guest of two tenants
and staff of a third. Everywhere but on http://localhost they carry the prefix `__Host-`, which
binds them to this host over TLS: a browser drops them on plain http, also within a local network,
so pages that others open need TLS in front of the gateway.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from services.chassis.rpc.errors import Failure, denied, unauthenticated

SELECTOR_HEADER = b"x-maitred-credential"
SELECTOR_PARAMETER = "credential"
_PREFIX = "maitred-"
_SECURE = "__Host-"
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_SAME_SITE = frozenset({b"same-origin", b"none"})

Headers = Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Origins:
    """Whose pages may make unsafe requests by cookie: ours, and `allowed` origins."""

    allowed: Collection[str] = ()

    def check(self, method: str, headers: Headers) -> None:
        """Refuses an unsafe request by cookie unless it shows that a page of ours makes it.

        Fails with PERMISSION_DENIED (ORIGIN_NOT_ALLOWED).
        """
        if method in _SAFE_METHODS:
            return
        origin = headers.get(b"origin")
        if origin is None and headers.get(b"sec-fetch-site") in _SAME_SITE:
            return
        if origin is None or not self._is_ours(origin.decode("latin-1"), headers):
            raise _not_allowed((origin or b"").decode("latin-1"))

    def check_if_told(self, headers: Headers) -> None:
        """The same for requests that need no cookie but get one: no origin is no browser."""
        origin = headers.get(b"origin")
        if origin is not None and not self._is_ours(origin.decode("latin-1"), headers):
            raise _not_allowed(origin.decode("latin-1"))

    def _is_ours(self, origin: str, headers: Headers) -> bool:
        host = headers.get(b"host", b"").decode("latin-1")
        scheme, _, netloc = origin.partition("://")
        return origin in self.allowed or (scheme in {"http", "https"} and netloc == host)


def set_cookie(kind: str, slug: str, value: str, max_age_s: int, headers: Headers) -> str:
    """The `Set-Cookie` of a credential (`guest` or `staff`) of a tenant."""
    name = f"{_PREFIX}{kind}-{slug}"
    attributes = f"Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age_s}"
    if is_local(headers):
        return f"{name}={value}; {attributes}"
    return f"{_SECURE}{name}={value}; {attributes}; Secure"


def find_cookie(headers: Headers, selector: str) -> str:
    """The value of the cookie that a request means; empty if it sends none of ours.

    Args:
        headers: of the request.
        selector: `guest-<slug>` or `staff-<slug>`; empty for the only one there is.

    Fails with UNAUTHENTICATED if the one selected is missing, or several are there and none is
    selected.
    """
    found = _ours(headers)
    if selector:
        if selector not in found:
            raise unauthenticated("no such credential")
        return found[selector]
    if len(found) > 1:
        raise unauthenticated("several credentials, none selected")
    return next(iter(found.values()), "")


def is_local(headers: Headers) -> bool:
    """Whether the browser reaches us as http://localhost, where there is no TLS."""
    try:
        host = urlsplit(f"//{headers.get(b'host', b'').decode('latin-1')}").hostname
    except ValueError:  # such as half an IPv6 address
        return False
    return host in _LOCAL


def _ours(headers: Headers) -> dict[str, str]:
    """Our cookies by selector."""
    prefix = _PREFIX if is_local(headers) else _SECURE + _PREFIX
    found = {}
    for pair in headers.get(b"cookie", b"").decode("latin-1").split(";"):
        name, _, value = pair.strip().partition("=")
        if name.startswith(prefix):
            found[name.removeprefix(prefix)] = value
    return found


def _not_allowed(origin: str) -> Failure:
    return denied(
        "ORIGIN_NOT_ALLOWED",
        "Unsafe requests by cookie are taken from our own pages only.",
        origin=origin,
    )
