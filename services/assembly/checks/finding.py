"""What a check found."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How something is: as it should be, not, or not known."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        area: of what: settings, peers, …
        subject: which of them.
        text: how it is.
        verdict: whether that is as it should be.
        remedy: what to do if it is not.
    """

    area: str
    subject: str
    text: str
    verdict: Verdict = Verdict.GOOD
    remedy: str = ""


def bad(area: str, subject: str, text: str, remedy: str) -> Finding:
    """Something that is not as it should be, and what to do."""
    return Finding(area, subject, text, Verdict.BAD, remedy)


def unknown(area: str, subject: str, text: str, remedy: str) -> Finding:
    """Something that cannot be checked from here, and what would let it be."""
    return Finding(area, subject, text, Verdict.UNKNOWN, remedy)


def why(error: BaseException) -> str:
    """What an error says; its name where it says nothing."""
    return str(error) or type(error).__name__
