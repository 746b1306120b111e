"""Ids: UUIDv7 (RFC 9562), so rows sort by age, with a typed prefix wherever people see them."""

import re
import secrets
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

_DIGITS = re.compile("[0-9a-f]{32}")


def uuid7(unix_ms: int, random: bytes) -> UUID:
    """A UUIDv7 of a time in ms since 1970 and ten random bytes."""
    value = unix_ms.to_bytes(6, "big") + random
    number = int.from_bytes(value, "big")
    number = number & ~(0xF << 76) | (0x7 << 76)
    number = number & ~(0x3 << 62) | (0x2 << 62)
    return UUID(int=number)


class IdFactory:
    """Makes ids by a clock and a source of random bytes."""

    def __init__(
        self, clock: Callable[[], datetime], random: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._clock = clock
        self._random = random

    def new(self) -> UUID:
        """A fresh id."""
        return uuid7(int(self._clock().timestamp() * 1000), self._random(10))


def to_id(prefix: str, value: UUID) -> str:
    """The form at the API: `ord_` and 32 hexadecimal digits."""
    return f"{prefix}_{value.hex}"


def from_id(prefix: str, text: str) -> UUID:
    """Reads the form at the API.

    Raises:
        ValueError: it is not an id of that kind.
    """
    kind, _, digits = text.partition("_")
    if kind != prefix or not _DIGITS.fullmatch(digits):
        raise ValueError(f"not an id of kind {prefix}: {text!r}")
    return UUID(hex=digits)
