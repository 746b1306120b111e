"""Whether a message is an explicit yes to the read-back it answers.

An order costs a guest money, so doubt is no: a yes with a "but", a question, thanks alone or talk
of something else do not approve.
"""

import re

from rapidfuzz import fuzz, process

from services.coordinator.models.local.wording import sentences, words

_YES = re.compile(
    r"^(?:(?:oh|um|uh|ah|well|so|and|hi|hello|hey|hmm|ok|okay|alright|sure|great|perfect) )*"
    r"(?:yes+|yeah|yea|yep|yup|yah|ya|aye|affirmative|correct|exactly|absolutely|definitely|"
    r"certainly|indeed|precisely|of course|confirmed|approved|i (?:can |do |hereby )?(?:confirm|"
    r"approve|"
    r"agree)|positive|roger|totally|"
    r"yessir|yeppers|yuppers|you bet(?:cha)?|oui|okey|okie|a ?ok(?:ay)?|uh huh|mhm|si)\b|\byes\b"
)
_BARE_YES = re.compile(
    r"^(?:(?:oh|um|uh|ah|well|so|and|then|hmm|thanks|thank you|nice|cool|just|i see|hi|"
    r"hello) )*(?:sure|ok|okay|k|alright|right|perfect|fine|good|"
    r"great|excellent|awesome|wonderful|fantastic|amazing|lovely|brilliant|super|deal|"
    r"done|agreed|bingo|confirm|sounds|looks|confirmed|accurate|cool|okie dokie|okey dokey|"
    r"alrighty|"
    r"mm hmm|yas|y|"
    r"make it so|on point|spot on|by all means|for sure|love it|i love it|checked|ready|very good|"
    r"superb|got it|displayed|"
    r"listed|should be|send it|100%|"
    r"everything checks)\b"
)
_PHRASES = re.compile(
    r"\b(?:(?:that|it|this|everything|all|they|(?:the|my|our|this) order|you|those|these|details?|"
    r"info|information|display|screen|both|drinks?|items?|order|(?:what|which) (?:i|"
    r"you) \w+)\b(?: \w+){0,4}? "
    r"(?:right|correct|correctly|perfect|perfectly|"
    r"good|great|fine|accurate|accurately|excellent|awesome|wonderful|ok|okay|exact|exactly|"
    r"complete|alright|set|well|as ordered|in order|works?|clear|there)\b|"
    r"(?:that|this|it|which) (?:is|was|will be|would be|should be|does)(?: \w+){0,2}? "
    r"(?:it|all|everything|one|order|mine)\b|"
    r"(?:looks?|sounds?|seems?|appears?|looking|reads?|works?|checks?)(?: \w+){0,3} (?:good|right|"
    r"correct|"
    r"great|perfect|fine|accurate|ok|okay|excellent|awesome|wonderful|delicious|yummy|tasty|"
    r"alright|"
    r"lovely|amazing|nice|cool|out)\b|"
    r"(?:is|was|are|just|exactly|precisely) (?:what|exactly what|just what|precisely what) (?:i|"
    r"we)\b|"
    r"match(?:es)?\b|(?:the|my) (?:drink|one|order|item|thing) (?:i|we) (?:want|ordered|wanted)|"
    r"like my order|"
    r"go ahead|go for it|(?:place|send|submit|confirm|finali[sz]e|complete|approve|process|put|"
    r"ring|"
    r"book|make) (?:it|that|this|the order|my order|them)\b|please do|do it|ship it|proceed|"
    r"spot on|"
    r"all (?:good|set|right|correct|there|clear|perfect|fine|great|ok|okay)|"
    r"you (?:(?:got|have|had|took) (?:got )?(?:it|that|this|everything|the order|my order|what|"
    r"all|me)|nailed|did)\b|"
    r"good to go|that works|that will (?:do|be (?:it|all|everything))|works for me|"
    r"(?:fine|good|ok|okay) (?:by|with|for) me|let us (?:do|go)|(?:looks|seems) (?:like it|"
    r"that way)|"
    r"(?:i am|we are) (?:good|happy|ready|satisfied|sure|certain|positive)|thumbs up|100%|perfect|"
    r"no (?:changes|mistakes|problems?|issues?)|nothing to change|right on|makes sense|"
    r"you are right|do it|ready to (?:go|order|pay)|i am pretty sure)\b"
)
_ECHO = re.compile(
    r"^(?:(?:why|oh|well|and|indeed|thanks|thank|you) )*(?:it|that|this|they|everything|i|we|you|"
    r"all of it|"
    r"the order|those|these|sure)(?: \w+)? (?:is|does|are|do|am|did|have|has|will)"
    r"(?: (?:now|indeed|thanks|thank|you|please|sir|maam|so|all|it))*$"
)
_DOUBT = re.compile(
    r"\b(?:but|not|no|nope|nah|never|wrong|incorrect|wait|hold on|hang on|almost|nearly|"
    r"(?:one|1|a|just a|give me a) (?:sec|second|moment|minute)|maybe|perhaps|probably|i guess|"
    r"(?:i|we) think so|might|unless|if|except|although|though|however|only thing|instead|"
    r"actually|"
    r"change|changed|switch|swap|replace|remove|add|cancel|forgot|forget|missing|also|"
    r"could you|can you|can i|could i|can we|could we|may i|would you|i would like|i want|i need|"
    r"before (?:you|i|we)|later|another|too|as well|should (?:be|have|say)|supposed)\b"
)
_LOOKING = re.compile(
    r"\b(?:let (?:me|us)|i will|i need to) (?:see|check|look|think|read|verify)\b"
)
_FINE_NO = re.compile(
    r"\b(?:i )?(?:do|would|need) not (?:need to )?change (?:a thing|anything|it)\b|"
    r"\bnothing needs to change\b|\b(?:i think so|think so) yes\b|\byes (?:i )?think so\b|"
    r"\bshould be (?=(?:it|all|right|correct|good|fine|everything|great|perfect|ok|okay)\b)|"
    r"\bno (?:changes|mistakes|errors|problems?|issues?|worries|complaints|"
    r"need to change)\b(?: needed| here| required)?|"
    r"\b(?:and )?(?:no )?nothing (?:else|more|to change|to add|wrong)\b(?: with it)?|\bno more\b|"
    r"\b(?:i )?(?:do|can) not (?:see|find|spot|have) (?:any|a|anything) (?:problem|mistake|error|"
    r"issue|change|complaint|wrong)s?\b|"
    r"\b(?:i )?(?:can|could) not (?:wait|complain|be better|ask for more)\b|\b(?:i )?see no \w+\b|"
    r"\b(?:looks|sounds) good too\b|\bno doubt\b|\bnot bad\b|\bwhy not\b|"
    r"\b(?:the drink|the order|what|all|everything|exactly what|just what|the one|as) (?:i|"
    r"we) (?:want|wanted|would like|need|needed|ordered|asked|said)\b|"
    r"\bi would like (?:it|that|to (?:confirm|place|order|submit|proceed))\b|\bi want (?:it|"
    r"that)\b"
)
_SETTLED = re.compile(
    r"\bno (?:changes|mistakes|errors|problems?|issues?|complaints)\b|\bnothing (?:to change|"
    r"wrong)\b|"
    r"\bsee no \w+\b|\bnot (?:see|find|spot) (?:any|a|anything) \w+\b"
)
_OPENS_WITH_NO = re.compile(r"^(?:no|nope|nah|not)\b")
_ASKED_TO_PLACE = re.compile(
    r"\b(?:can|could|will|would) you (?:please )?(?:place|send|submit|confirm|process|put)\b"
)
_PLACING = re.compile(r"\bplace (?:it|that|this|them|the order|my order|order)\b")
_PLEASANTRY = re.compile(
    r"\bgood (?:morning|afternoon|evening|day|night)\b|\bhave a \w+ (?:day|one|evening|night|"
    r"weekend)\b"
)
_QUESTION = re.compile(
    r"^(?:do(?! it\b)|does|did|is|are|can|could|what|which|how|when|where|who|why|may) \w+"
)
_POLITE_REQUEST = re.compile(r"\b(?:can|could|may) (?:i|we|you)\b")
_SPELLINGS = (
    "correct perfect perfectly accurate excellent awesome everything great looks right exactly "
    "order absolutely definitely confirm fine sounds appears good thanks wonderful alright okay"
).split()
_FILLER = frozenset(
    """
    a about again ahead all alright am an and are as at be been before by bye can check checking
    cheers confirm confirmed correct correctly dear detail details did display displayed do does
    done double everything exact exactly for friend from fine get go going good got great has
    have here i in indeed is it item items just know let like look looking looks lot love lovely
    maam mate me mine much my need now of oh ok okay on one order ordered our out over perfect
    perfectly please pretty quite really right screen see seem seems send sent should sir so
    sound sounds specified sure sweet taking thank thanks that the them then there these they
    thing things this those to totally tasty up us very want wanted was we well what which will
    with wonderful would wow yay yeah yep yes you your awesome excellent fantastic cool amazing
    brilliant super accurate complete appears um uh ah hmm k deal 100% nailed clear happy hear
    hearing appreciate drink drinks food meal think believe saw checked checks match matches
    matched both had entered heard understood wrote listed reads positive ty tysm thx thanx job
    may off nice mm yas y okie dokie okey dokey point spot bingo means beans info information
    change changes agreed percent hurry certain certainly beautiful fabulous delicious yummy
    ready set submit put through work works time man buddy dude
    """.split()
)


def approves(text: str, read_back: str = "") -> bool:
    """Return whether the text says yes, in whatever wording, to what was just read back.

    ``read_back`` lends its words, so that a guest may repeat the order while approving it.
    """
    allowed = (_FILLER | set(words(read_back))) - {"place"}
    verdicts = [_verdict(said, asked, allowed) for said, asked in sentences(_joined(text))]
    if any(verdict is False for verdict in verdicts):
        return False
    return any(verdict is True for verdict in verdicts)


def _joined(text: str) -> str:
    """Mend misspelt words of praise; a thinking pause before the answer is no doubt about it."""
    text = re.sub(r"[A-Za-z]{4,}", lambda match: _mended(match.group()), text)
    return re.sub(r"(?i)^\s*(?:let me|let us|let'?s|i'?ll) (?:see|check|look)\W+(?=\w)", "", text)


def _verdict(said: str, asked: bool, allowed: set[str] | frozenset[str]) -> bool | None:
    """True for a yes, False for a doubt, None for neither."""
    if _OPENS_WITH_NO.search(said):
        return False
    said = _PLEASANTRY.sub(" ", said).strip()
    cleared = _FINE_NO.sub(" ", said)
    settled = _SETTLED.search(said) is not None
    if asked or (_QUESTION.search(said) and not _YES.search(said)):
        return True if _ASKED_TO_PLACE.search(said) and _YES.search(said) else _if_doubt(cleared)
    yes = _YES.search(said) is not None
    if _LOOKING.search(cleared) or _doubts(cleared, yes, allowed):
        return False
    if yes or _ECHO.search(said):
        return True
    if _BARE_YES.search(said) or _PHRASES.search(said) or settled:
        rest = _PLACING.sub(" ", cleared)
        strange = [w for w in rest.split() if w not in allowed]
        return True if not strange else None
    return None


def _if_doubt(said: str) -> bool | None:
    """A question beside a yes is a doubt only if it is about the order itself."""
    return False if _DOUBT.search(_POLITE_REQUEST.sub(" ", said)) else None


def _doubts(said: str, yes: bool, allowed: set[str] | frozenset[str]) -> bool:
    doubt = _DOUBT.search(said)
    if doubt is None:
        return False
    restating = doubt.group() in {"i would like", "i want", "i need", "no", "not"}
    rest = said.replace(doubt.group(), " ").split()
    if restating and (yes or _BARE_YES.search(said)) and all(w in allowed for w in rest):
        return doubt.group() in {"not", "no"} and doubt.group() not in allowed
    return True


def _mended(word: str) -> str:
    lower = word.lower()
    if lower in _FILLER:
        return word
    close = process.extractOne(lower, _SPELLINGS, scorer=fuzz.ratio, score_cutoff=85)
    return close[0] if close and close[0][0] == lower[0] else word
