"""What a guest points at: "two of those", "I'll take it", "the first one"."""

import re

from services.coordinator.models.local.memory import Memory, Pending

POINTING = re.compile(r"\b(?:it|that|one|two|three|those|them|this|these)\b", re.IGNORECASE)
_OF_IT = re.compile(
    r"\b(?:(?:of )?(?:those|these|them)|that one|this one|it|(?<!of )that)\b(?! is\b|'s\b)",
    re.IGNORECASE,
)
_BARE_COUNT = re.compile(
    r"\b(one|two|three|four|five|six|a couple|\d+)"
    r"(?=(?:[,.! ]*(?:please|then|thanks|too))*[.! ]*$)",
    re.IGNORECASE,
)
_ORDINALS = (
    re.compile(r"\b(?:first|1st|former)\b"),
    re.compile(r"\b(?:second|2nd)\b(?! thought)"),
    re.compile(r"\b(?:third|3rd)\b"),
)
_LAST = re.compile(r"\b(?:last|latter) one\b|^(?:the )?(?:last|latter)$")


def in_context(text: str, memory: Memory) -> str:
    """Return the guest's words with what they point at named."""
    if memory.pending.names:
        return _with_choice(text, memory.pending)
    if memory.offered:
        named, count = _OF_IT.subn(f" {memory.offered}", text, count=1)
        if count:
            return " ".join(named.split())
        return _BARE_COUNT.sub(rf"\1 {memory.offered}", text, count=1)
    pointing = POINTING.search(text) is not None
    return f"{memory.topic}? {text}" if memory.topic and pointing else text


def _with_choice(text: str, pending: Pending) -> str:
    """The choice by its name where it was told by its place: "the second one"."""
    said = text.lower()
    if _LAST.search(said):
        return pending.names[-1]
    placed = zip(pending.names, _ORDINALS, strict=False)
    return next((name for name, place in placed if place.search(said)), text)
