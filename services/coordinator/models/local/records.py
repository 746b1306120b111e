"""What a record in a document states, told as people say it.

A record reads as lines of `path: value`; a path leads through groups, as `opening_hours.Monday`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

_LINE = re.compile(r"^(?P<path>[^\s:][^:\n]{0,60}): (?P<value>\S.*)$")
_STEP = re.compile(r"\[\d+\]|[._]+")
_NAME = "name"


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of a record; ``group`` is empty for one that stands alone."""

    group: str
    key: str
    value: str

    @property
    def words(self) -> str:
        """All it says."""
        return f"{self.group} {self.key} {self.value}"


def facts_of(text: str) -> tuple[Fact, ...]:
    """The facts of a record; none where the text is anything else."""
    found = [_LINE.match(line.strip()) for line in text.splitlines() if line.strip()]
    if not found or not all(found):
        return ()
    return tuple(_fact(line["path"], line["value"]) for line in found if line)


def told_facts(facts: tuple[Fact, ...], covered: Callable[[str], float]) -> tuple[str, ...]:
    """The facts that answer best, those of one group in one sentence.

    ``covered`` is the share of the question that words cover. A record that bears a name, as one
    of several, is told whole.
    """
    name = next((fact.value for fact in facts if fact.key.lower() == _NAME), "")
    others = tuple(fact for fact in facts if fact.key.lower() != _NAME)
    scores = [covered(fact.words) for fact in others]
    most = max(scores, default=0.0)
    if name and covered(name) >= most and covered(name) > 0:
        return (_sentence(name, [f"{fact.key} {fact.value}" for fact in others]),)
    chosen = [fact for fact, score in zip(others, scores, strict=True) if score == most > 0]
    groups = dict.fromkeys(fact.group for fact in chosen if fact.group)
    alone = [_sentence(fact.key, [fact.value]) for fact in chosen if not fact.group]
    return (
        *(
            _sentence(group, [f"{fact.key} {fact.value}" for fact in chosen if fact.group == group])
            for group in groups
        ),
        *alone,
    )


def _fact(path: str, value: str) -> Fact:
    *groups, key = [" ".join(_STEP.sub(" ", step).split()) for step in path.split(".")]
    return Fact(" ".join(groups), key, value)


def _sentence(head: str, said: list[str]) -> str:
    told = f"{head[:1].upper()}{head[1:]}"
    return f"{told}: {', '.join(said)}.".replace("..", ".") if said else f"{told}."
