"""Who serves a conversation, by which decision, and what was recommended and cited in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

MOST_REMEMBERED = 50
"""Recommendations and products kept of a conversation, the newest ones."""


@dataclass(frozen=True, slots=True)
class Serving:
    """Who serves a segment of a conversation.

    Attributes:
        agent_id: the agent, such as `host`.
        decision_id: the decision that chose it, `dec_…`; empty where none was made.
        probability: what it had of being chosen, in (0, 1]; 1 where there was no choice.
        probes: the coins of disabled agents, by agent: whether it was let in nevertheless.
        offered: products offered to the guest so far, by id.
        recommendation_ids: what was recommended so far, `rec_…`.
    """

    agent_id: str
    decision_id: str = ""
    probability: float = 1.0
    probes: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({}))
    offered: tuple[str, ...] = ()
    recommendation_ids: tuple[str, ...] = ()


class RecommendationKind(StrEnum):
    """What an agent did that can turn out well or badly, as maitred.events.v1 spells it."""

    SERVE = "serve"
    UPSELL = "upsell"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Something an agent did for the guest; `confidence` in [0, 1]."""

    recommendation_id: str
    kind: RecommendationKind
    product_ids: tuple[str, ...] = ()
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Citation:
    """Where in a document something stands, as retrieval told it.

    `kind` is a number of maitred.retrieval.v1.DocumentKind; `headings` the outermost first.
    """

    document_id: str
    title: str
    source: str
    kind: int
    chunk_id: str
    headings: tuple[str, ...]
    quote: str


@dataclass(frozen=True, slots=True)
class Passage:
    """What a search of documents found: `text` to answer from, never obeyed.

    `score` compares it with what else was found, in [0, 1]; `similarity` is the cosine of question
    and piece, None where it was found by words alone.
    """

    citation: Citation
    text: str
    score: float
    similarity: float | None = None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A product to offer; `confidence` in [0, 1] that it fits."""

    product_id: str
    product_name: str
    confidence: float
