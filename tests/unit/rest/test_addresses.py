"""Whose address a request comes from."""

from __future__ import annotations

import pytest

from gateway.addresses import Proxies, neighbours

OURS = Proxies.parse("10.0.0.0/8, 192.0.2.7,fd00::/8")


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [b""], "10.0.0.1"),
        ("10.0.0.1", [b"198.51.100.1"], "198.51.100.1"),
        ("192.0.2.7", [b"198.51.100.1"], "198.51.100.1"),
        ("192.0.2.8", [b"198.51.100.1"], "192.0.2.8"),
        ("10.0.0.1", [b"203.0.113.9, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", [b"203.0.113.9, 198.51.100.1, 10.1.1.1 "], "198.51.100.1"),
        ("10.0.0.1", [b"203.0.113.9", b"198.51.100.1", b"10.1.1.1"], "198.51.100.1"),
        ("10.0.0.1", [b"10.2.2.2, 10.1.1.1"], "10.2.2.2"),
        ("10.0.0.1", [b"198.51.100.1, unknown"], "10.0.0.1"),
        ("10.0.0.1", [b"198.51.100.1, unknown, 10.1.1.1"], "10.1.1.1"),
        ("10.0.0.1", [b"198.51.100.1,"], "10.0.0.1"),
        ("10.0.0.1", [b"\xff\x00"], "10.0.0.1"),
        ("10.0.0.1", [b"198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", [b"[2001:db8::1]:4711"], "2001:db8::1"),
        ("10.0.0.1", [b"2001:DB8:0::1"], "2001:db8::1"),
        ("fd00::1", [b"2001:db8::1"], "2001:db8::1"),
        ("::ffff:10.0.0.1", [b"::ffff:198.51.100.1"], "198.51.100.1"),
    ],
)
def test_the_client_is_the_last_one_that_a_trusted_proxy_names(
    peer: str, forwarded: list[bytes], client: str
) -> None:
    assert OURS.client_of(peer, forwarded) == client


def test_nobody_is_believed_where_no_proxy_is_trusted() -> None:
    assert Proxies().client_of("127.0.0.1", [b"198.51.100.1"]) == "127.0.0.1"


@pytest.mark.parametrize("text", ["10.0.0.1/8", "proxy", "10.0.0.0/40"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"does not appear|has host bits"):
        Proxies.parse(text)


@pytest.mark.parametrize(
    ("address", "limited"),
    [
        ("198.51.100.1", "198.51.100.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:198.51.100.1", "198.51.100.1"),
        ("", ""),
        ("a:b", "a:b"),
    ],
)
def test_an_ipv6_network_of_a_household_is_limited_as_one(address: str, limited: str) -> None:
    assert neighbours(address) == limited
