"""Whose address a request comes from, and who are limited together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

# A household is given as much of IPv6 as this, and takes new addresses out of it at will.
_HOUSEHOLD_BITS = 64


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies whose word on their clients is taken: those with an address in `networks`."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Proxies:
        """Of networks in CIDR notation, or addresses, separated by commas. Raises ValueError."""
        return cls(tuple(ip_network(part.strip()) for part in text.split(",") if part.strip()))

    def client_of(self, peer: str, forwarded: Iterable[bytes]) -> str:
        """The address of the client of a connection from `peer`.

        `forwarded` are the values of X-Forwarded-For. Each proxy appends whom it was called by, so
        they are read from the right, for as long as a trusted proxy said what is read; what is no
        address is not gone beyond.
        """
        if not self.networks:
            return peer
        client = peer
        entries = b",".join(forwarded).decode("latin-1").split(",")
        while entries and self._has(client):
            said = _address(entries.pop())
            if said is None:
                break
            client = str(said)
        return client

    def _has(self, text: str) -> bool:
        address = _address(text)
        return address is not None and any(address in network for network in self.networks)


def neighbours(address: str) -> str:
    """Who is limited as one: an IPv4 address, an IPv6 network of 64 bits."""
    if ":" not in address:
        return address
    parsed = _address(address)
    if not isinstance(parsed, IPv6Address):
        return address if parsed is None else str(parsed)
    return str(ip_network((int(parsed), _HOUSEHOLD_BITS), strict=False))


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """An address, some proxies' port and brackets aside; IPv4's within IPv6 is IPv4's."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed
