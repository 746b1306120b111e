"""Addresses as settings spell them."""


def host_and_port(listen: str) -> tuple[str, int]:
    """The parts of `host:port`, IPv6 without its brackets. ValueError if malformed."""
    host, separator, port = listen.rpartition(":")
    if not separator or not host or not port.isdecimal():
        raise ValueError(f"an address is host:port, not {listen!r}")
    return host.removeprefix("[").removesuffix("]"), int(port)
