"""Dialogue acts: what a guest does with a message, from its words and what was asked last."""

import re
from dataclasses import dataclass
from enum import StrEnum

from services.coordinator.models.local.approval import approves
from services.coordinator.models.local.wording import sentences, words


class Act(StrEnum):
    """What a message does; everything the acts do not cover is left to the cart's parser."""

    APPROVE = "approve"
    REJECT = "reject"
    CANCEL = "cancel"
    DECLINE = "decline"
    NAME_CODE = "name_code"
    ASK = "ask"
    GREET = "greet"
    THANK = "thank"
    FINISH = "finish"
    HESITATE = "hesitate"
    SHOW_CART = "show_cart"
    SAY = "say"


@dataclass(frozen=True, slots=True)
class Reading:
    """The acts of one message.

    ``wishes`` is whether it may say something about the order beyond the act; ``question`` is
    the sentence that asks about the menu, empty for none; ``said`` the message as plain words.
    """

    act: Act
    wishes: bool
    question: str = ""
    said: str = ""


_GREETING = re.compile(
    r"^(?:hi|hello|hey|hiya|howdy|greetings|good (?:morning|afternoon|evening|day)|yo|sup|"
    r"how are you|how is it going|how do you do|what is up|nice to meet you|there|friend|today|"
    r"how is (?:your|the) (?:day|morning|evening)|doing|going|you|to|and|all|everyone|so far|"
    r"this morning|this evening|team|folks|mate|buddy|for you|i am (?:good|fine|well|great)|"
    r"(?:i|we) (?:would like|want|need|would love) to (?:place an )?order(?: something| please)?|"
    r"can (?:i|we) (?:place an )?order|(?:i am |we are )?ready to order|please| )+$"
)
_THANKS = re.compile(
    r"^(?:(?:ok|okay|great|oh|no|many|cool|alright|perfect|awesome|nice|well) )*"
    r"(?:thanks|thank you|thx|cheers|ty|much appreciated|appreciate it)"
    r"(?: (?:a lot|so much|very much|again|for (?:your help|that|the info|everything)|you|bye|"
    r"goodbye|then|have a \w+ (?:day|one)|sir|maam|mate|friend|that is (?:good|nice|great)|"
    r"for \w+(?: \w+){0,3}))*$"
)
_FAREWELL = re.compile(
    r"^(?:bye|goodbye|good ?bye|see you|have a \w+ (?:day|one|evening)|later|see ya)\b"
)
_REJECTION = re.compile(
    r"^(?:no+|nope|nah|not (?:yet|really|quite|right|correct|now)|wrong|incorrect|negative|"
    r"that is (?:not (?:right|correct|it|what i \w+)|wrong|incorrect)|wait|hold on|hang on|"
    r"it is (?:not (?:right|correct)|wrong)|i do not think so|no way|absolutely not)"
    r"(?: (?:no|thanks|thank you|thank|you|yet|please|sorry|wait|hold on|actually|it|is|not|right|"
    r"correct|that|wrong|hang on|a|1|one|second|sec|minute|moment|just|me|let|think|still|quite|"
    r"what|i|wanted|ordered|want|said|asked|for|do|so|sir|at|all))*$"
)
_CHANGE = re.compile(
    r"^(?:(?:yes|no|nope|ok|okay|actually|sorry|oh|um|well|wait|and|but|please|hmm) )*"
    r"(?:(?:i|we) (?:would like|want|need|have|wanted|wish) to|(?:can|could|may) (?:i|we|you)|"
    r"let me|please)"
    r" (?:change|edit|modify|correct|fix|adjust)(?: (?:it|that|this|something|one thing|a thing|"
    r"(?:the|my) order))?(?: please| first)*$|"
    r"^(?:(?:yes|no|ok|actually|sorry|oh|wait) )*(?:i (?:have )?changed my mind|"
    r"i (?:have|had|need|want) (?:a|one|another) change)(?: sorry)?$"
)
_HESITATION = re.compile(
    r"^(?=.*\b(?:think|ask|thinking|deciding|check|look|see|hold on|hang on|wait|sec|second|moment|"
    r"minute|"
    r"min|time|hm+|um+|uh+|er|ah|not sure|"
    r"not know|dunno|unsure|undecided|no idea|maybe|perhaps|guess|probably)\b)"
    r"(?:(?:ok|okay|oh|um+|uh+|hm+|well|so|er|ah|wait|please|sorry|just|no|yes|actually|i|let me|"
    r"let us|need to|want to|give me|hold on|hang on|wait|think|see|check|look|about it|it over|"
    r"a|one|1|sec|second|moment|minute|min|am|still|not|sure|yet|thinking|deciding|bit|little|"
    r"more|time|do|know|dunno|unsure|undecided|idea|maybe|perhaps|guess|probably|really|my|wife|"
    r"husband|friend|ask|yes|if|what|quite) ?)+$"
)
_CANCEL = re.compile(
    r"^(?:(?:no|actually|oh|sorry|please|ok|okay|um|you know what|wait|well|just|can you|"
    r"could you|"
    r"i want to|i would like to|let us|i will|can we|could we|i have to|i need to) )*"
    r"(?:cancel(?: (?:it|that|this|everything|all(?: of it)?|(?:the|my|this|that) (?:whole |"
    r"entire )?order))?"
    r"|never mind(?: (?:the order|it all|everything))?|forget (?:it|about it|the (?:whole )?order|"
    r"everything)|"
    r"scrap (?:it|everything|the order)|start (?:over|again|from scratch)|clear (?:it|everything|"
    r"(?:the|my) (?:cart|order|basket))|empty (?:the|my) (?:cart|basket|order)|"
    r"i (?:do not|no longer) want (?:anything|it|the order|to order)(?: (?:anymore|any more|"
    r"now))?|"
    r"i (?:have )?changed my mind i do not want (?:anything|it)|leave it|"
    r"i am (?:leaving|going)(?: now)?|remove everything)(?: (?:please|thanks|thank you|sorry|then|"
    r"now|all|anymore))*$"
)
_FINISHED = re.compile(
    r"^(?:(?:no|nope|and|ok|okay|so|i think|yes|yeah|thanks|please|well) )*"
    r"(?:that is (?:all|it|everything)|that will be (?:all|it|everything)|nothing (?:else|more)|"
    r"i am (?:done|finished|good|all set)|no(?:thing)? more|just that|all done|"
    r"(?:i (?:want|would like) to )?(?:check ?out|place (?:my|the) order|order now|finish|pay)|"
    r"done|ready to order|go ahead|send it|place it)"
    r"(?: (?:for now|for me|for today|thanks|thank you|please|i think|then|to order|now|from me|"
    r"thank|you))*$"
)
_CART = re.compile(
    r"\b(?:what is in (?:my|the) (?:cart|order|basket)|(?:show|read|repeat|see|check|"
    r"review) (?:me )?"
    r"(?:my|the|back|back my|back the) (?:cart|order|basket)|what (?:have|did) i (?:got|order|"
    r"ordered|have)|"
    r"what do i have|(?:my|the) (?:order|total|bill)(?: so far)?$|how much (?:is|does) (?:it|that|"
    r"everything|"
    r"my order|the total|all that|this)(?: (?:all )?(?:come to|cost|in total|altogether|"
    r"all together|now|be|together|all))*$|"
    r"what (?:is|was) (?:my|the) (?:total|bill|order|sum)|^(?:and )?(?:the )?(?:total|bill|sum)"
    r"(?: please)?$|"
    r"what (?:does|will|would) (?:it|that|this|everything|the order|my order|all that)"
    r"(?: all)? (?:come to|cost|be|make|add up to)|"
    r"what (?:did|have) i (?:just )?(?:order|ordered|ask for|asked for)|read (?:it|that|"
    r"my order) back|what did you get)\b"
)
_ASKING = re.compile(
    r"^(?:(?:hi|hello|hey|good \w+|there|ok|okay|so|oh|um|well|excuse me|please|sorry|and|but|"
    r"also|"
    r"yes|no|great|actually|friend|thanks|thank you|what is up|before i order|quick question|sure|"
    r"hmm|just|"
    r"then|first|since \w+(?: \w+){0,12}) )*"
    r"(?:(?:do|does|did|will) (?:you|they|it|the|your|this|that|any|u|these|those)\b|what\b|"
    r"which\b|how (?:much|many|"
    r"big|long|large|small|is|are|do|does|hot|spicy|sweet|strong|late|about)\b|when\b|where\b|"
    r"who\b|why\b|"
    r"is (?:there|it|this|that|the|your|any|anything|everything)\b|are (?:there|you|your|they|the|"
    r"any|these|those|all)\b|"
    r"have you\b|has the\b|any (?:\w+ )?(?:recommendations?|suggestions?|specials?|vegan|"
    r"vegetarian|chance)\b|"
    r"(?:can|could|would|will) you (?:please )?(?:tell|explain|describe|recommend|suggest|show|"
    r"list|read)\b|"
    r"(?:can|could|may) (?:i|we) (?:please |also |just )*(?:ask|see|know|look|pay|use|bring|sit|"
    r"stand|eat|drink|park|come|leave|stay|enter|reserve|book|smoke|charge|work|return|exchange|"
    r"call|speak|talk|find|read|check|watch|collect)\b|"
    r"(?:should|must|am|do|did) (?:i|we)\b|tell me\b|show me\b|list\b|menu\b|"
    r"(?:is|are) (?:\w+ ){1,4}(?:allowed|welcome|permitted|included|possible|served)\b|"
    r"the menu\b|"
    r"(?:i am |i was |i )?(?:just )?(?:wonder|wondering|curious)\b|"
    r"i (?:want|would like|need|would love|wanted) to (?:know|ask|see|hear|find out)\b|"
    r"i (?:have|had|got) (?:a|one|another) question\b|i am (?:allergic|vegan|vegetarian|lactose|"
    r"gluten)\b|(?:i|we) (?:would like|want|will|need|have|am going|prefer)(?: to)? pay(?:ing)?\b|"
    r"(?:i (?:will|would like to|want to) )?pay(?:ing)? (?:by|with|in)\b|my address is\b|"
    r"i (?:have|got) (?:a|an) \w+ allergy\b|recommend|suggest|price|allergens?\b)"
)
_PUT_AS_QUESTION = re.compile(
    r"^(?:(?:hi|hello|hey|ok|okay|so|and|also|please|actually|yes|no|oh|sorry|well|um) )*"
    r"(?:(?:can|could|may|might|would|will|do) (?:i|we|you)|is it possible|would it be possible)\b"
)
_CONDITION = re.compile(r"\s+if\b.*$", re.IGNORECASE | re.DOTALL)
_LOOKING_FOR = re.compile(
    r"^(?:(?:hi|hello|hey|ok|okay|so|and|please|is there|have you|got|also) )*"
    r"(?:(?:any|anything|something|some|things|stuff)\b.*\b(?:free|without|contain\w*|allerg\w*)\b|"
    r"(?:any )?\w+ (?:\w+ )?free (?:options?|choices|food|drinks?|dishes|things|stuff|items)\b)"
)
"""Asks what there is without something."""
_ORDERING_QUESTION = re.compile(
    r"^(?:(?:hi|hello|hey|ok|okay|so|and|also|please|actually|yes|no|oh|sorry|what is up|there|"
    r"good \w+|how are you|well|um) )*"
    r"(?:(?:can|could|may|might|would) (?:i|we) (?:please |also |just |maybe |actually )*(?:get|"
    r"have|order|"
    r"try|grab|add|make|do|take|buy|change|switch|remove|swap|replace|put|give|cancel|"
    r"use(?! (?:my|our))|bring (?:me|us))\b|"
    r"(?:can|could|may|might|would) you (?:please |also |just |maybe |actually )*(?:get|"
    r"have|order|"
    r"try|grab|add|make|do|take|buy|bring|change|switch|remove|swap|replace|put|give|cancel|"
    r"use)\b|"
    r"is it possible to (?:get|have|order|add|make|change|remove)|would it be possible|"
    r"would you mind|"
    r"do you mind|how about|what about|why do not|are you able to (?:add|make))"
)


_QUESTION_JOINT = re.compile(
    r"\b(?:and|but|also) (?=(?:do|does|what|which|is there|are there|how much)\b)"
)
_OPENING = re.compile(r"^(?:(?:ok|okay|oh|um|uh|hmm|so|well|yes|sorry|sure|right|and|but) ?)+$")
_MENU_WORDS = re.compile(
    r"\b(?:how much|price|cost|vegan|vegetarian|gluten|\w+ free|allerg\w*|contain|come with)\b"
)
_WHOLE_MESSAGES = (
    (Act.CANCEL, _CANCEL),
    (Act.SHOW_CART, _CART),
    (Act.HESITATE, _HESITATION),
    (Act.REJECT, _CHANGE),
    (Act.REJECT, _REJECTION),
    (Act.GREET, _GREETING),
    (Act.THANK, _THANKS),
    (Act.THANK, _FAREWELL),
    (Act.FINISH, _FINISHED),
)
"""Acts that are the whole of a message, with how they are worded."""


def read_act(text: str, awaiting_approval: bool = False, read_back: str = "") -> Reading:
    """Return what the message does.

    ``awaiting_approval`` is whether the assistant's previous message read the cart back;
    ``read_back`` is that read-back.
    """
    said = " ".join(words(text))
    if awaiting_approval and approves(text, read_back):
        return Reading(Act.APPROVE, False, said=said)
    question = question_in(text)
    act = next((act for act, pattern in _WHOLE_MESSAGES if pattern.search(said)), None)
    if act is Act.SHOW_CART and _says_more_than_question(text):
        act = None
    if act is not None:
        return Reading(act, False, said=said)
    if question:
        return Reading(Act.ASK, _says_more_than_question(text), question, said)
    return Reading(Act.SAY, True, said=said)


def question_in(text: str) -> str:
    """Return the first sentence that asks something about the menu, empty for none."""
    for said, asked in sentences(text):
        if _GREETING.search(said):
            continue
        if _ORDERING_QUESTION.search(said):
            continue
        if _asks(said) or (asked and _is_bare_question(said)):
            return said
        parts = _QUESTION_JOINT.split(said)
        if len(parts) > 1 and _ASKING.search(parts[-1]):
            return parts[-1]
    return ""


def asks_beside(text: str) -> str:
    """Return the first sentence with a question mark; empty for none."""
    return next(
        (said for said, asked in sentences(text) if asked and not _GREETING.search(said)), ""
    )


def asks_maybe(text: str) -> str:
    """Return a whole message put as a question for something, less its condition.

    It orders what it names, if that is on the menu; empty for any other message.
    """
    said = [sentence for sentence, _ in sentences(text)]
    if len(said) != 1 or not _PUT_AS_QUESTION.search(said[0]):
        return ""
    return _CONDITION.sub("", text)


def _asks(said: str) -> bool:
    return bool(_ASKING.search(said) or _LOOKING_FOR.search(said))


def _is_bare_question(said: str) -> bool:
    return _MENU_WORDS.search(said) is not None


def _says_more_than_question(text: str) -> bool:
    """Whether a sentence or clause beside the question may be about the order."""
    parts = [part.strip() for said, _ in sentences(text) for part in _QUESTION_JOINT.split(said)]
    return any(part and not _is_aside(part) for part in parts)


def _is_aside(said: str) -> bool:
    asks = _asks(said) and not _ORDERING_QUESTION.search(said)
    return bool(
        asks
        or _CART.match(said)
        or _OPENING.search(said)
        or _GREETING.search(said)
        or _THANKS.search(said)
    )
