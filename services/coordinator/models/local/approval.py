"""Whether a message is an explicit yes to the read-back it answers.

An order costs a guest money, so doubt is no. The vocabulary is closed: a message approves if an
approving expression is in it and every other word is a filler, an aside or a repetition of the
order. One word beyond that, and it is about something else.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from rapidfuzz import fuzz, process

from services.coordinator.models.local.wording import sentences, words

_PRAISE = (
    r"(?:right|correct|correctly|perfect|perfectly|good|great|fine|accurate|accurately|excellent|"
    r"awesome|wonderful|wonderfully|ok|okay|exact|alright|well|lovely|fantastic|amazing|"
    r"brilliant|super|superb|delicious|cool|complete|clear|splendid|fabulous|beautiful|"
    r"beautifully)"
)
_VERY = (
    r"(?: (?:indeed|just|about|really|all|very|so|quite|pretty|totally|absolutely|exactly|now|"
    r"perfectly|definitely|certainly|completely|entirely|100%|like|mighty|both|looking))*"
)
_IS = (
    r"(?:is|are|(?:will|would|should|must|has to|have to|seems? to|appears? to|"
    r"looks? to) be|looks?|sounds?|seems?|appears?|reads?|comes? out|came (?:up|out))"
)
_BARE_PRAISE = (
    r"(?:right|correct|correctly|perfect|perfectly|good|great|fine|accurate|accurately|excellent|"
    r"awesome|wonderful|ok|okay|alright|lovely|fantastic|amazing|brilliant|super$|superb|cool|"
    r"fabulous|splendid|beautiful)"
)
_IT = (
    r"(?:that|it|this|they|those|these|all|both|everything|all of (?:it|that|this|them)|"
    r"(?:the|my|our|this|that|your|whole|entire|these|those|both|all|all the|both the)(?: whole| "
    r"entire| order| drink)* "
    r"(?:order|orders|details?|info|information|drinks?|items?|screen|display|list|summary|cart|"
    r"thing|things|one|ones)|orders?|details?|info|information|drinks?|items?|display|screen)"
)
_WANTED = (
    r"(?:(?:want|wanted|ordered|order|asked for|asked|said|need|needed|have|had|told you|"
    r"requested|"
    r"meant|would like|like|got|wish|wished|wished for|specified|chose|see|am having|"
    r"was looking for|am looking for|was after|would like to have|would have|had in mind))"
)
_PLACE = (
    r"(?:place|send|submit|confirm|finali[sz]e|complete|approve|process|book|order|ring)"
    r"(?: (?:it|that|this|them|order|(?:the|my|this|that|our) order))(?: (?:in|up|off|through|"
    r"over|"
    r"on))?"
)
_APPROVING = re.compile(
    r"\b(?:"
    r"(?:why )?(?:y|y[ei]s+|yessir|ayup|oui|si|ye+ah*|yea+|ye+p+|yu+p+|yah|ya|yas|yay|aye|"
    r"yeppers|yuppers|affirmative|mhm|"
    r"mm hmm|uh huh|uh hu|okie dokie|okey dokey|okie|okey|alrighty|you bet(?:cha)?|roger|bingo|"
    r"a ?ok(?:ay)?|"
    r"by all means|of course|for sure|sure thing|sure(?: it)? (?:is|does|am|do|are)|sure|"
    r"thumbs up|"
    r"100%|(?:100|hundred) percent|spot on|on point|right on|made sense|makes sense|"
    r"absolutely|definitely|certainly|"
    r"exactly|precisely|totally|indeed|positive|agreed|confirmed|confirm|approved|k)"
    r"(?: (?:sir|siree|maam|ma am|man|boss|bro|dude|friend|my friend|buddy|mate|chef|dear))?|"
    r"i (?:can |do |hereby |fully |totally )*(?:confirm|approve|agree)(?: (?:it|that|this))?|"
    r"(?:got |you (?:have |had )?(?:got|have|had|did|nailed|heard|understood|wrote|"
    r"entered|took|"
    r"read|put|noted) )(?:it|that|this|everything|all of it|all|(?:the|my) (?:whole |right |"
    r"correct )?order|"
    rf"me(?= {_PRAISE})|"
    rf"(?:exactly |just )?what i {_WANTED}|{_PRAISE})(?: all)?(?: down)?|"
    rf"{_IT} (?:has been|have been|was|were) (?:entered|taken|noted|placed|listed) {_PRAISE}|"
    r"you are (?:all |so |quite |absolutely |exactly )?(?:right|correct|accurate|spot on)|"
    rf"{_IT} {_IS}{_VERY} (?:{_PRAISE}(?: to go)?|"
    r"it|all|everything|(?:the|my) (?:one|ones|order|drinks?|right one)|mine|me|done|in order|"
    r"as ordered|there|here|set|good to go|on point)"
    rf"(?: i {_WANTED})?|"
    r"(?:that|this|it|which) was (?:it|all|everything)|"
    rf"{_IS}{_VERY} {_PRAISE}|(?:should|would|will) be{_VERY} (?:it|all|everything)|"
    rf"(?:that|this|it) (?:is |was |will be )?(?:exactly |just |precisely |all |everything )*(?:"
    rf"what|as|the one|like) (?:i|we) {_WANTED}|"
    rf"(?:exactly |just |precisely |everything |all |what |as |the one )+(?:i|we) {_WANTED}|"
    r"(?:looks?|sounds?|seems?|appears?|reads?)(?: to be)? (?:like )?(?:it|that way|my order|"
    r"the order|all there|"
    r"(?:it )?is all there|(?:a|the) (?:deal|plan|order|one))|checks? out|"
    r"(?:matches|(?:all|they|details|both) match)(?: up)?(?: my order)?|"
    r"(?:why )?(?:it|that|this|everything|all|all of it|they|those|these|we|i|you|sure)"
    r"(?: certainly| absolutely| definitely| sure| really| all)? (?:is|are|am|does|dose|do|did|"
    r"will do|works|will work|checks)"
    r"(?: (?:indeed|now|please|all|it|so))*$|(?:works|that works|it works)|right you are|"
    r"(?:works|that works|good|fine|great|ok|okay) (?:for|by|with) (?:me|us|it)|"
    r"that (?:will do|does) it|"
    r"(?:i|we) (?:just )?(?:love|like) (?:it|that|this)|love it|"
    r"(?:i am|we are) (?:happy|satisfied|pleased|fine|good|ok|okay) with (?:it|that|this|"
    rf"everything|{_IT})|"
    r"(?:good|ready|set) to go|all set|all there|make it so|make it$|"
    rf"(?:(?:you|we) (?:can|may) )?(?:please )?(?:go ahead|go for it|proceed)(?: and {_PLACE})?|"
    rf"please do(?: it| so)?|do it|"
    r"do that|let us (?:go|do (?:it|this|that))|ship it|"
    rf"(?:(?:can|could|will|would|may|shall) you (?:please )?)?(?:(?:you|we) (?:can|"
    rf"may) )?{_PLACE}|"
    r"send it|submit|place order|"
    r"(?:i am |we are )?ready(?: to (?:order|order it|place it|place the order|go|submit|pay))?|"
    r"(?:i )?(?:would like|want) (?:you )?to (?:place|confirm|order|submit|proceed|send)"
    r" (?:it|that|this|them|(?:the|my|this) order|with it)|"
    r"(?:looks?|sounds?|seems?) (?:yummy|tasty|nice)|all clear|"
    r"i am (?:pretty |quite |very |fairly |absolutely |100% )?(?:sure|certain|confident|positive)|"
    rf"{_BARE_PRAISE})(?!\w)"
)
_CLEARED = re.compile(
    r"\b(?:"
    r"(?:there (?:is|are) )?(?:absolutely )?no (?:other )?(?:changes?|mistakes?|errors?|problems?|"
    r"issues?|complaints?|corrections?|need to change (?:it|anything|a thing))"
    r"(?: (?:needed|necessary|required|here|at all|to make|for me|from me|with it|with that))?|"
    r"(?:i )?(?:do|can|could) not (?:see|find|spot|have|notice) (?:any|a|anything)"
    r"(?: (?:problem|mistake|error|issue|change|complaint)s?| wrong)?(?: (?:with (?:it|that)|"
    r"there|here|"
    r"to change))?|"
    r"(?:i )?(?:see|find|have|spot|notice) (?:no|nothing) (?:problem|mistake|error|issue|change|"
    r"complaint|wrong)s?|"
    r"(?:i )?(?:would|do|need|will) not (?:need to |want to |have to )?change (?:a thing|anything|"
    r"it)|"
    r"(?:there (?:is|are) )?(?:and )?nothing (?:needs to change|to change|to correct|wrong|"
    r"is wrong|missing|"
    r"is missing)(?: (?:with it|here))?|"
    r"(?:i )?(?:could|can) not be (?:better|happier)|(?:no|nothing) wrong)\b"
)
"""No fault found, which approves as much as praise does."""
_NO_BUT_RIGHT = re.compile(
    r"^(?:no|nope|nah)(?: no| nope| thanks| thank you)? (?=(?:"
    r"(?:that|it|this|everything|all)(?: \w+)? (?:is|looks?|seems?|sounds?)(?: \w+)? "
    r"(?:all(?! good| fine| ok)|it\b|everything|right|correct|perfect|accurate|exact|"
    r"(?<=looks )(?:good|great|fine))|"
    r"(?:looks|sounds|seems) (?:good|great|right|correct|perfect)|perfect|"
    r"nothing (?:to change|wrong)|"
    r"i (?:do|would|can) not (?:see|find|change|want to change|need to change)))"
)
"""A no to "anything wrong?" beside words that find the order right."""
_NO_AND_DONE = re.compile(
    r"^(?:no|nope|nah)(?: no| nope| thanks| thank you)? "
    r"(?:(?:that|it) (?:is|will be|would be) (?:it|all|everything)|nothing (?:else|more))\b"
)
"""Says that nothing is to be added, which is an answer to a question that was not asked."""
_ASIDE = re.compile(
    r"\b(?:"
    r"(?:many )?(?:thanks|thank you|thank u|thx|thanx|tysm|ty|cheers)(?: (?:a (?:lot|"
    r"million|bunch|ton)|so|very|much|again|ever|kindly|indeed))*"
    r"(?: for (?:(?:double |re)?(?:checking|asking|confirming|verifying|reading)"
    r"(?: (?:it|that|with me|back|my order))*|"
    r"(?:all )?(?:your|the) (?:help|time|service|patience)|everything|that|this|"
    r"helping(?: me)?))?|"
    r"much appreciated|(?:i )?(?:really )?appreciate (?:it|that|your help|you)|"
    r"good (?:morning|afternoon|evening|day|night)|bye|good ?bye|see (?:you|ya)(?: (?:later|"
    r"soon))?|"
    r"take care|"
    r"(?:you )?have a (?:very |really )?(?:good|nice|great|lovely|wonderful|fantastic|blessed|"
    r"awesome|"
    r"pleasant) "
    r"(?:day|one|evening|night|weekend|morning|afternoon|time)|lay it on me|"
    r"(?:i |we )?(?:can|could) not (?:wait|complain)(?: (?:for|to (?:have|try|get|drink|taste)) "
    r"it)?|"
    r"(?:i am |we are )?in a (?:hurry|rush)|please hurry|hurry(?: up)?(?: please)?|"
    r"(?:i am|we are) (?:good|fine|well|great|okay|ok|done|finished|hungry|thirsty|excited)"
    r"(?! with| to go| by| for)|"
    r"(?:good|great|nice|excellent|amazing|awesome) (?:job|work)|well done|you did (?:so )?(?:it|"
    r"great|good|well)|"
    r"(?:i am |am )?(?:pretty|quite|very|fairly|absolutely|100%) (?:sure|certain|confident|"
    r"positive)|"
    r"(?:i )?(?:think|believe|see|can see|checked|have checked|just checked)"
    rf"(?= (?:that|it|this|you|we|so yes|and|{_IT}))(?: it and)?|"
    r"(?:yes|yeah|yep) i (?:think|believe) so|(?:i )?think so (?=yes|yeah|yep)|"
    r"no (?:problem|worries|doubt|need)(?: at all)?|not bad|why not|"
    r"(?:and )?(?:that is (?:all|it) )?(?:and )?(?:no )?(?:nothing (?:else|more)|no more)"
    r"(?: (?:for me|needed|to add|for now|today))?|"
    r"(?:from |on |in )(?:my|the|this|your) (?:end|side|screen|display|list|part|book|view)|"
    r"for (?:now|today)|leave it (?:as it is|as is|like that|at that)|as (?:is|it is|ordered)|"
    r"from me|"
    r"let us see|let me (?:see|check|look)|i will (?:have|take|go with)|"
    r"i (?:would like|want|wanted|ordered|asked for|said|need)(?= (?:a|an|the|one|1|two|2|it|that)"
    r"\b))(?!\w)"
)
"""What neither approves nor doubts, whatever it stands beside."""
_FILLERS = frozenset(
    """
    a about ah all am an and appears are as be beans been both detail details did displayed display
    do does dose entered er everything exact for has have hello hey hi hmm i info information in is
    it item items just kindly like listed look looking looks ma maam me mine my nice now of oh
    order our please pls plz pretty quite reads really screen seem seems shown sir so sound sounds
    that the them then there these they this those to uh um us very we well will with works wow
    written
    """.split()
)
_TO_WHOM = re.compile(
    r"(?<!\bfor)(?<!\bto)(?<!\bby)(?<!\bwith)(?<!\bmy)\s(?:my )?(?:good )?"
    r"(?:friend|mate|man|buddy|bro|dude|boss|chef|dear|sir|pal|guys|love)$"
)
_ASKS = re.compile(
    r"^(?:(?:oh|so|and|well|um|ok|okay|yes|yeah|hi|hello|hey|thanks|sorry) )*"
    r"(?:(?:is|are|was|does|did|can|could|will|would|shall|should|has|have|may) "
    r"(?:it|that|this|these|those|they|you|i|we|the|everything|all|my|your|there|both)\b|"
    r"do (?:you|i|we|they|the|these)\b|what\b(?! (?:i|we|you) )|which\b|when\b|where\b|who\b|"
    r"how\b|"
    r"why\b(?! (?:not|yes|it|of)))"
)
_PLACING_REQUEST = re.compile(
    r"^(?:(?:ok|okay|yes|yeah|yep|sure|great|perfect|good|please|then|and|so) )*"
    rf"(?:can|could|will|would) you (?:please )?(?:go ahead and )?{_PLACE}(?: (?:now|please|then|"
    r"for me))*$"
)
_GOES_ON = re.compile(
    r"^(?:\w+ )?(?:and|plus|with) (?:a|an|another|some|one|two|three|four|five|\d+)\b|"
    r"\b(?:and|the|a|an|with|or|plus|(?<!asked )for|(?:ok|okay|alright|k|well|right) (?:so|well))$|"
    r"^(?:(?:ok|okay|alright|k|fine|cool|that is (?:it|all)) )+(?:then )?(?:bye|good ?bye)\b"
)
_SPELLINGS = (
    "correct perfect perfectly accurate excellent awesome everything great looks right exactly "
    "order absolutely definitely confirm fine sounds appears good thanks wonderful alright okay"
).split()
_KNOWN = frozenset({*_SPELLINGS, *_FILLERS, "thank", "orders", "ordered", "prefer"})
_DENIALS = frozenset({"no", "not", "without", "never", "nothing"})
_ASKING_BACK = frozenset({"shall", "place"})
_COUNTS = {
    "1": ("one",), "2": ("two",), "3": ("three",), "4": ("four",), "5": ("five",),
    "6": ("six",), "7": ("seven",), "8": ("eight",), "9": ("nine",), "10": ("ten",),
}  # fmt: skip
_NUMBERS = frozenset(_COUNTS) | {number for said in _COUNTS.values() for number in said}
_DENIED = re.compile(r"\bno ([^,;.()“”]+)", re.IGNORECASE)
"""What is left out, as a read-back tells it: naming it without the "no" would be another order."""
_MONEY = re.compile(r"\S*\d[.,]\d\S*")
_ALIKE = 85.0


def approves(text: str, read_back: str = "") -> bool:
    """Return whether the text says yes, in whatever wording, to what was just read back.

    ``read_back`` lends its words, so that a guest may repeat the order while approving it.
    """
    spoken = sentences(_mended(text))
    if any(_is_question(said, asked) for said, asked in spoken):
        return False
    message = " ".join(_TO_WHOM.sub("", said) for said, _ in spoken)
    if _GOES_ON.search(message):
        return False
    repeated = words(_DENIED.sub(" ", _MONEY.sub(" ", read_back)))
    denied = _DENIED.findall(read_back.lower())
    rest = _without_denied(message, denied)
    if _NO_AND_DONE.match(rest):
        return False
    rest = _NO_BUT_RIGHT.sub("", rest)
    rest, cleared = _CLEARED.subn(" ", rest)
    rest = _ASIDE.sub(_kept_yes, rest)
    rest, approvals = _APPROVING.subn(" ", " ".join(rest.split()))
    if not approvals + cleared:
        return False
    return _are_known(rest.split(), repeated)


def _is_question(said: str, asked: bool) -> bool:
    if _PLACING_REQUEST.search(said):
        return False
    return asked or _ASKS.search(said) is not None


def _kept_yes(aside: re.Match[str]) -> str:
    """Leave the yes of "yes, I think so" standing."""
    opening = aside.group().split()[0]
    return f" {opening} " if opening in {"yes", "yeah", "yep"} else " "


def _without_denied(message: str, denied: Iterable[str]) -> str:
    """Take out every "no foam" that the read-back says just so."""
    for phrase in denied:
        message = re.sub(rf"\bno {re.escape(' '.join(words(phrase)))}\b", " ", message)
    return " ".join(message.split())


def _are_known(rest: Sequence[str], repeated: list[str]) -> bool:
    lent = set(repeated) - _DENIALS - _ASKING_BACK
    counts = {count for word in repeated for count in (word, *_COUNTS.get(word, ()))}
    counts &= _NUMBERS
    for word, after in zip_longest(rest, rest[1:], fillvalue=""):
        counted = word in counts and after not in _NUMBERS and _is_lent(after, lent)
        if not counted and word not in _FILLERS and not _is_lent(word, lent - _NUMBERS):
            return False
    return True


def _is_lent(word: str, lent: set[str]) -> bool:
    if {word, f"{word}s", word.removesuffix("s"), word.removesuffix("es")} & lent:
        return True
    if len(word) < 5:
        return False
    close = process.extractOne(word, lent, scorer=fuzz.ratio, score_cutoff=_ALIKE)
    return close is not None and close[0][0] == word[0]


def _mended(text: str) -> str:
    """Spell misspelt words of praise as they are meant."""
    return re.sub(r"[A-Za-z]{4,}", lambda match: _spelt(match.group()), text)


def _spelt(word: str) -> str:
    lower = word.lower()
    if lower in _KNOWN:
        return word
    close = process.extractOne(lower, _SPELLINGS, scorer=fuzz.ratio, score_cutoff=_ALIKE)
    return close[0] if close and close[0][0] == lower[0] else word
