"""How many connections there may be."""

from __future__ import annotations

from dataclasses import dataclass

from services.chassis.rpc.errors import Failure, exhausted

_RETRY_AFTER_S = 5.0


@dataclass(frozen=True, slots=True)
class Room:
    """Connections at one process at once; 0 for as many as come.

    Attributes:
        most: of everyone.
        of_one: of a principal that is no guest.
        of_guest: of a guest.
        of_address: of one address, for guests and for those who have not said who they are.
    """

    most: int
    of_one: int
    of_guest: int
    of_address: int

    def check(self, count: int) -> None:
        """Whether so many are not too many. Fails with RESOURCE_EXHAUSTED (CONNECTION_LIMIT)."""
        _check(count, self.most, "this gateway")

    def check_guest(self, count: int) -> None:
        """As `check`, of one guest."""
        _check(count, self.of_guest, "one guest")

    def check_one(self, count: int) -> None:
        """As `check`, of one principal that is no guest."""
        _check(count, self.of_one, "one caller")

    def check_address(self, count: int) -> None:
        """As `check`, of one address."""
        _check(count, self.of_address, "guests of one address")


def _check(count: int, most: int, whose: str) -> None:
    if most and count > most:
        raise _full(whose, most)


def _full(whose: str, most: int) -> Failure:
    return exhausted(
        "CONNECTION_LIMIT",
        f"There are as many connections as {whose} may have: {most}.",
        retry_after=_RETRY_AFTER_S,
        limit=str(most),
    )
