"""What stands under which headings."""

from dataclasses import dataclass


class Unreadable(Exception):
    """A document is not what its media type says; the message says where."""


@dataclass(frozen=True, slots=True)
class Section:
    """Words of a document with the headings above them, outermost first."""

    headings: tuple[str, ...]
    text: str
