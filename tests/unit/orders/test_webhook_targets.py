"""Where events may be sent: URLs by their form, addresses by what they are reserved for."""

import pytest

from services.orders.webhooks.addresses import (
    Permissions,
    Target,
    TargetRefused,
    check_addresses,
    parse_target,
)

STRICT = Permissions()
LAX = Permissions(http=True, private=True)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://example.com", Target("example.com", 443, "/", True)),
        (
            "https://Example.COM/hooks?a=1&b=%20",
            Target("example.com", 443, "/hooks?a=1&b=%20", True),
        ),
        ("https://example.com./", Target("example.com", 443, "/", True)),
        ("https://example.com:8443/x", Target("example.com", 8443, "/x", True)),
        ("https://93.184.216.34/x", Target("93.184.216.34", 443, "/x", True)),
        ("https://[2606:4700::1111]:4443/", Target("2606:4700::1111", 4443, "/", True)),
        ("https://xn--bcher-kva.example/", Target("xn--bcher-kva.example", 443, "/", True)),
    ],
)
def test_a_url_is_taken_apart(url: str, target: Target) -> None:
    assert parse_target(url, STRICT) == target


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://example.com/", "example.com"),
        ("https://example.com:443/", "example.com"),
        ("https://example.com:80/", "example.com:80"),
        ("https://[2606:4700::1111]:4443/", "[2606:4700::1111]:4443"),
    ],
)
def test_the_host_header_names_the_port_where_it_is_not_the_usual_one(
    url: str, authority: str
) -> None:
    assert parse_target(url, STRICT).authority == authority


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://user@example.com/",
        "https://user:secret@example.com/",
        "https://@example.com/",
        "https://example.com/#part",
        "https://example.com/ x",
        "https://example.com/\r\nx: y",
        "https://example.com\\@127.0.0.1/",
        "https://bücher.example/",
        "https://exa mple.com/",
        "https://example.com:22/",
        "https://example.com:25/",
        "https://example.com:0/",
        "https://example.com:65536/",
        "https://example.com:http/",
        "https://[::1/",
        "https://[fe80::1%25eth0]/",
        "https://..example/",
        "https://exa%6dple.com/",
        "https://example.com/" + "x" * 2048,
    ],
)
def test_a_url_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(TargetRefused):
        parse_target(url, STRICT)


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.0x1", "1.2.3.4.5", "0x7f.1", "1."],
)
@pytest.mark.parametrize("permissions", [STRICT, LAX])
def test_an_address_in_disguise_is_refused(host: str, permissions: Permissions) -> None:
    with pytest.raises(TargetRefused, match="usual way"):
        parse_target(f"https://{host}/", permissions)


def test_plain_http_is_for_those_who_allow_it() -> None:
    assert parse_target("http://example.com/", LAX) == Target("example.com", 80, "/", False)


@pytest.mark.parametrize(
    "address",
    [
        "93.184.216.34",
        "8.8.8.8",
        "172.15.255.255",
        "172.32.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "169.253.255.255",
        "192.167.255.255",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450:4001:81b::200e",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ],
)
def test_public_addresses_may_be_called(address: str) -> None:
    assert check_addresses([address], STRICT) == [address]


PRIVATE = [
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
]
NOBODY = [
    "0.0.0.0",
    "0.1.2.3",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::ffff:0.0.0.0",
    "ff02::1",
    "fe80::1%eth0",
    "nonsense",
]


@pytest.mark.parametrize("address", PRIVATE + NOBODY)
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    with pytest.raises(TargetRefused, match="not public") as refused:
        check_addresses([address], STRICT)
    assert address not in str(refused.value)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_for_those_who_allow_them(address: str) -> None:
    assert check_addresses([address], LAX) == [address]


@pytest.mark.parametrize("address", NOBODY)
def test_what_is_no_host_is_refused_whatever_is_allowed(address: str) -> None:
    with pytest.raises(TargetRefused):
        check_addresses([address], LAX)


def test_one_private_address_among_public_ones_is_enough() -> None:
    with pytest.raises(TargetRefused):
        check_addresses(["8.8.8.8", "10.0.0.1"], STRICT)


def test_a_host_without_addresses_is_refused() -> None:
    with pytest.raises(TargetRefused):
        check_addresses([], LAX)
