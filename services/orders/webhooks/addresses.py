"""Where events may be sent: URLs by their form, and addresses by what they are reserved for.

A name is looked up once and what it leads to is checked; the connection is made to the very address
that was, so that a name which leads elsewhere a moment later opens nothing.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

LONGEST_URL = 2048
_PORTS = {80, 443}
_FIRST_FREE_PORT = 1024
# A last label of digits, or a hexadecimal one, is an address in some resolver's eyes (WHATWG URL).
_NUMERIC = re.compile(r"(?:^|\.)(?:\d+|0x[0-9a-f]*)$", re.IGNORECASE)
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.IGNORECASE)
_VISIBLE = re.compile(r"[!-~]+")

# IANA's special-purpose registries; Azure's wire server has a public address.
_RESERVED_4 = tuple(
    ip_network(text)
    for text in (
        *("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "168.63.129.16/32"),
    )
)
_GLOBAL_6 = ip_network("2000::/3")
_RESERVED_6 = tuple(
    ip_network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
_TRANSLATED = ip_network("64:ff9b::/96")
# No host at all, whatever is allowed.
_NOBODY_4 = tuple(ip_network(text) for text in ("0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4"))
_NOBODY_6 = (ip_network("ff00::/8"), ip_network("::/128"))


class TargetRefused(ValueError):
    """Nothing may be sent there; the text says why, for people, and names no address."""


@dataclass(frozen=True, slots=True)
class Permissions:
    """What an installation allows beyond public addresses by https."""

    http: bool = False
    private: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart: `host` is what is looked up and named, without the brackets of IPv6."""

    host: str
    port: int
    path: str
    is_tls: bool

    @property
    def authority(self) -> str:
        """Header `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_tls else 80) else f"{host}:{self.port}"


def parse_target(url: str, permissions: Permissions) -> Target:
    """Takes a URL apart.

    Raises:
        TargetRefused: it is none that events are sent to, whatever it leads to.
    """
    if len(url) > LONGEST_URL or not _VISIBLE.fullmatch(url) or "\\" in url:
        raise TargetRefused("is no URL of visible ASCII characters")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").removesuffix("."), parts.port
    except ValueError:
        raise TargetRefused("is no URL") from None
    if parts.scheme != "https" and not (permissions.http and parts.scheme == "http"):
        raise TargetRefused("must begin with https://")
    if "@" in parts.netloc:
        raise TargetRefused("must name no user")
    if "#" in url:
        raise TargetRefused("must have no fragment")
    is_tls = parts.scheme == "https"
    port = port if port is not None else 443 if is_tls else 80
    if port not in _PORTS and port < _FIRST_FREE_PORT:
        raise TargetRefused("must be at port 80, 443 or from 1024 on")
    _check_host(host)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(host.lower(), port, path, is_tls)


def check_addresses(addresses: list[str], permissions: Permissions) -> list[str]:
    """The addresses of a host, if every one of them may be called.

    Raises:
        TargetRefused: one may not, or there is none.
    """
    if not addresses:
        raise TargetRefused("leads to no address")
    if not all(_may_call(address, permissions) for address in addresses):
        raise TargetRefused("leads to an address that is not public")
    return addresses


def _check_host(host: str) -> None:
    try:
        ip_address(host)
    except ValueError:
        pass
    else:
        if "%" in host:
            raise TargetRefused("must name no network interface")
        return
    if not _HOST.fullmatch(host) or len(host) > 253:
        raise TargetRefused("names no host")
    if _NUMERIC.search(host):
        raise TargetRefused("must write an address in the usual way")


def _may_call(text: str, permissions: Permissions) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return _may_call_4(address.ipv4_mapped, permissions)
        if address in _TRANSLATED:
            return _may_call_4(IPv4Address(int(address) & 0xFFFFFFFF), permissions)
        return _may_call_6(address, permissions)
    return _may_call_4(address, permissions)


def _may_call_4(address: IPv4Address, permissions: Permissions) -> bool:
    if any(address in network for network in _NOBODY_4):
        return False
    return permissions.private or not any(address in network for network in _RESERVED_4)


def _may_call_6(address: IPv6Address, permissions: Permissions) -> bool:
    if address.scope_id is not None or any(address in network for network in _NOBODY_6):
        return False
    is_public = address in _GLOBAL_6 and not any(address in network for network in _RESERVED_6)
    return permissions.private or is_public
