"""What an answer tells beyond its words: the documents it cites and the products it offers."""

import re

from services.coordinator.sessions.progress import Progress
from services.coordinator.sessions.serving import Passage, Suggestion

_MARK = re.compile(r"\[(\d{1,3})\]")
_BEGUN_MARK = re.compile(r"\[\d{0,3}$")


class Marks:
    """The marks of a streamed text, turned from the numbers of passages into those of citations.

    A mark may come in pieces; its beginning is held back until it is whole.
    """

    def __init__(self, progress: Progress) -> None:
        self._passages = progress.passages
        self._cited = list(progress.citations)
        self._held = ""

    def told(self, piece: str) -> str:
        """What can be said now of a piece and of what was held back."""
        text = self._held + piece
        begun = _BEGUN_MARK.search(text)
        end = begun.start() if begun else len(text)
        self._held = text[end:]
        return _MARK.sub(self._renumbered, text[:end])

    def rest(self) -> str:
        """What is still held back at the end."""
        held, self._held = self._held, ""
        return held

    def _renumbered(self, mark: re.Match[str]) -> str:
        number = int(mark[1])
        if not 0 < number <= len(self._passages):
            return mark[0]
        citation = self._passages[number - 1].citation
        if citation not in self._cited:
            self._cited.append(citation)
        return f"[{self._cited.index(citation) + 1}]"


def newly_cited(progress: Progress, text: str) -> tuple[Passage, ...]:
    """The passages of the turn that a text points at as in `[1]`, those cited before left out."""
    numbers = dict.fromkeys(int(number) for number in _MARK.findall(text))
    return tuple(
        progress.passages[number - 1]
        for number in numbers
        if 0 < number <= len(progress.passages)
        and progress.passages[number - 1].citation not in progress.citations
    )


def newly_offered(progress: Progress, text: str) -> tuple[Suggestion, ...]:
    """The suggestions of the turn that a text names, those offered before left out."""
    serving = progress.dialogue.serving
    before = serving.offered if serving else ()
    said = text.casefold()
    return tuple(
        suggestion
        for suggestion in progress.suggestions
        if suggestion.product_id not in before and suggestion.product_name.casefold() in said
    )


def sureness(passages: tuple[Passage, ...]) -> float:
    """How sure an answer is that rests on these passages, in [0, 1]: as its closest one is."""
    return max(
        (
            passage.score if passage.similarity is None else passage.similarity
            for passage in passages
        ),
        default=0.0,
    )
