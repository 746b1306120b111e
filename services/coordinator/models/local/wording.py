"""Words of a message, as the dialogue acts compare them."""

import re

_CONTRACTIONS = {
    "can't": "can not", "won't": "will not", "let's": "let us", "cannot": "can not",
    "lets": "let us", "thats": "that is", "its": "it is", "dont": "do not",
    "doesnt": "does not", "isnt": "is not", "whats": "what is", "y'all": "you all",
    "gimme": "give me", "nevermind": "never mind", "ill": "i will", "im": "i am",
    "it'a": "it is", "yall": "you all", "youre": "you are", "hows": "how is",
}  # fmt: skip
_ENDINGS = {
    "n't": " not", "'ll": " will", "'d": " would", "'re": " are", "'ve": " have", "'m": " am",
    "'s": " is",
}  # fmt: skip
# One pass for all of each kind: every message is read several times.
_CONTRACTION = re.compile(rf"\b(?:{'|'.join(map(re.escape, _CONTRACTIONS))})\b")
_ENDING = re.compile(rf"(?:{'|'.join(_ENDINGS)})\b")
_APOSTROPHE = re.compile("[\u2018\u2019\u0060\u00b4]")
_WORD = re.compile(r"[^\W_]+%?")
_SENTENCE = re.compile(r"[^.!?;\n]+[.!?;\n]*")


def words(text: str) -> list[str]:
    """Return the words in lower case, contractions opened, punctuation dropped."""
    plain = _APOSTROPHE.sub("'", text.lower()).replace("👍", " yes ").replace("👌", " ok ")
    plain = _CONTRACTION.sub(lambda found: _CONTRACTIONS[found[0]], plain)
    return _WORD.findall(_ENDING.sub(lambda found: _ENDINGS[found[0]], plain))


def sentences(text: str) -> list[tuple[str, bool]]:
    """Return the sentences as normalised words, each with whether it ends in a question mark."""
    found = [
        (" ".join(words(part)), part.rstrip().endswith("?")) for part in _SENTENCE.findall(text)
    ]
    return [(said, asked) for said, asked in found if said]


def stem(word: str) -> str:
    """Return the word without the ending of a plural."""
    if len(word) > 3 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-2] if word.endswith(("ches", "shes", "xes", "sses")) else word[:-1]
    return word
