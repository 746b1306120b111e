"""A serving profile: structured behaviour, and the prompt rendered from it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar


class Verbosity(StrEnum):
    """How much is said."""

    BRIEF = "brief"
    CHATTY = "chatty"


class Upsell(StrEnum):
    """Whether more is offered than was asked for."""

    NEVER = "never"
    ONCE = "once"


class Grounding(StrEnum):
    """What may be said: only what tools returned, or general knowledge too."""

    STRICT = "strict"
    RELAXED = "relaxed"


class InvalidProfile(ValueError):
    """The document does not describe a profile."""


@dataclass(frozen=True, slots=True)
class Profile:
    """An agent at a version."""

    agent: str
    version: int
    verbosity: Verbosity
    upsell: Upsell
    grounding: Grounding

    @property
    def name(self) -> str:
        """`agent@version`, as workflows and metrics call it."""
        return f"{self.agent}@{self.version}"


_FIELDS = frozenset({"agent", "version", "verbosity", "upsell", "grounding"})
_Behaviour = TypeVar("_Behaviour", bound=StrEnum)


def profile_of(document: object) -> Profile:
    """The profile a parsed YAML document describes. Raises InvalidProfile."""
    if not isinstance(document, dict) or document.keys() != _FIELDS:
        raise InvalidProfile(f"a profile has exactly the fields {', '.join(sorted(_FIELDS))}")
    agent, version = document["agent"], document["version"]
    if not isinstance(agent, str) or not agent or not isinstance(version, int):
        raise InvalidProfile("agent is a name and version a number")
    return Profile(
        agent,
        version,
        _behaviour(Verbosity, document["verbosity"]),
        _behaviour(Upsell, document["upsell"]),
        _behaviour(Grounding, document["grounding"]),
    )


def _behaviour(kind: type[_Behaviour], value: object) -> _Behaviour:
    try:
        return kind(str(value))
    except ValueError as error:
        choices = ", ".join(kind)
        raise InvalidProfile(
            f"{kind.__name__.lower()} is one of {choices}, not {value!r}"
        ) from error


_VERBOSITY = {
    Verbosity.BRIEF: "Answer in one or two short sentences.",
    Verbosity.CHATTY: "Be warm and conversational, in at most five sentences.",
}
_UPSELL = {
    Upsell.NEVER: "Never suggest anything the guest did not ask about.",
    Upsell.ONCE: "You may suggest one thing that goes well with the order, once.",
}
_GROUNDING = {
    Grounding.STRICT: "Say about the menu only what the tools returned; where they returned "
    "nothing, say that you do not know.",
    Grounding.RELAXED: "About this menu rely on the tools; general questions you may answer.",
}


def system_prompt(profile: Profile) -> str:
    """The instruction a language model gets for the profile."""
    return "\n".join(
        (
            "You take orders for a restaurant. The guest's words reach the kitchen through you.",
            "Pass every wish about the order to update_cart in the guest's own words.",
            "When the guest has finished, repeat the read_back of update_cart, word for word.",
            "Call confirm only when the guest has just approved that read-back.",
            "When confirm is refused, say why and repeat the read_back it returned.",
            _VERBOSITY[profile.verbosity],
            _UPSELL[profile.upsell],
            _GROUNDING[profile.grounding],
        )
    )
