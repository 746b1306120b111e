"""How a guest takes or leaves something they were offered."""

import re

from services.coordinator.models.local.approval import approves
from services.coordinator.models.local.memory import Memory
from services.coordinator.models.local.wording import words

_TAKING = re.compile(
    r"^(?:(?:yes|yeah|yep|yup|ok|okay|sure|please|oh|and|great|alright|good idea|sounds good|"
    r"why not|then|fine|perfect|actually|you know what) )*"
    r"(?:(?:(?:can|could|will) you |you can |i (?:will|would like to|want to) |let us |please |"
    r"also )*"
    r"(?:add|include|throw in|put in|throw|put)"
    r"(?: (?P<count>one|two|three|four|five|a couple|\d{1,2}))?(?: of)?"
    r"(?: (?:that|it|this|them|those|these|one))?(?: one)?|"
    r"i (?:will|would like to) (?:take|have|try|get) "
    r"(?:(?P<taken>one|two|three|\d{1,2})|(?:that|it|this) (?:too|as well|also))|"
    r"(?:that|it|this|one)(?: one)? (?:too|as well|also))"
    r"(?: (?:in|too|as well|also|please|then|thanks|thank you|sure|on top|to (?:it|that|my order|"
    r"the order)|(?P<times>twice|two times|three times|four times)))*$"
)
_TIMES = {"twice": "two"}
_ADDING = re.compile(
    r"\b(?:add|include|throw in|put in) (?:that|it|one)(?: one| in| too)?"
    r"(?: (?P<times>twice|(?:two|three|four) times))?\b",
    re.IGNORECASE,
)
_SO_MANY = re.compile(
    r"^(?:(?:no|nope|yes|yeah|yep|ok|okay|sure|well|oh|alright|fine|please|then|just|only|the|"
    r"make (?:it|that)|give me|let us (?:do|make it)|i will (?:take|have)|i would like) )*"
    r"(?P<count>one|two|three|four|five|six|seven|eight|nine|ten|\d{1,2})"
    r"(?: (?:(?:is|are|will be|would be|sounds?) (?:fine|ok|okay|good|great|enough|perfect)|"
    r"will do|then|please|thanks|thank you|of (?:them|those)))*$"
)
_IT = r"(?:it|that|this|them|those|one|any|anything(?: else)?|that one|the offer)"
_LEAVING = re.compile(
    r"^(?:oh |ah |um |well |ok |okay )*(?:(?:no|nope|nah)(?: no)*(?: (?:thanks|thank you|thank u|"
    r"ty)| i am (?:good|fine|ok|okay))|not for me|i am (?:good|fine|ok|okay)|not today|"
    rf"(?:(?:no|nope|nah|thanks|thank you|but|please) )*(?:without(?: {_IT})?|not {_IT}|"
    rf"(?:leave|skip|forget)(?: out)? {_IT}(?: out)?|leave {_IT} out|"
    rf"(?:please )?do not (?:add|include|put in|throw in) {_IT}(?: in)?|"
    rf"(?:i )?(?:do|would|will) not (?:want|need|like|have|take) {_IT}|"
    r"i would rather not|rather not))"
    r"(?: (?:thanks|thank you|today|for now|for me|please|really|then|"
    r"i am (?:good|fine|ok|okay)))*$"
)


def taken(text: str, name: str) -> str:
    """What a guest who takes the product of that name orders, the name said; empty if not."""
    if not name or left(text):
        return ""
    if found := _TAKING.match(" ".join(words(text))):
        return f"add {found['count'] or found['taken'] or _often(found)} {name}"
    others, count = _ADDING.subn(lambda it: f"add {_often(it)} {name}", text, count=1)
    return others if count else ""


def fewer(text: str, memory: Memory) -> str:
    """What a guest orders who will have as many as are left, or so many; empty for anything else.

    It is about the product that was asked about, which the cart's parser knows.
    """
    if not memory.few.name:
        return ""
    if found := _SO_MANY.match(" ".join(words(text))):
        return f"make it {found['count']}"
    return f"make it {memory.few.left}" if approves(text) else ""


def _often(found: re.Match[str]) -> str:
    """How many of it "twice" and the like make."""
    said = (found["times"] or "one").lower()
    return _TIMES.get(said, said.split()[0])


def takes(text: str) -> bool:
    """Whether a guest asks for something that was offered, whatever it was."""
    return bool(taken(text, "it"))


def left(text: str) -> bool:
    """Whether a guest who was offered something says that they do without."""
    return _LEAVING.match(" ".join(words(text))) is not None
