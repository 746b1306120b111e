"""Retrieval on judged questions, by the service's own code in this process.

Documents are read, cut, embedded and indexed, and questions answered, by the modules the service is
made of; what is left out is Postgres and the wire. A document ranks where its best passage does.
"""

import gzip
import json
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log2
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np

from services.retrieval.config import RetrievalConfig
from services.retrieval.documents.chunking import Passage as Cut
from services.retrieval.documents.chunking import chunk_texts, cut
from services.retrieval.documents.document import DocumentKind, MediaType
from services.retrieval.documents.reading import read
from services.retrieval.embedding import DIMENSIONS, WordEmbedding
from services.retrieval.search.dense import FlatIndex
from services.retrieval.search.index import Question, TenantIndex
from services.retrieval.search.passages import (
    Chunk,
    Indexed,
    IndexedDocument,
    Passage,
    Source,
    packed,
    unpacked,
)
from services.retrieval.search.sparse import TantivyIndex

DEPTH = 100


@dataclass(frozen=True, slots=True)
class Collection:
    """Documents, questions, and which documents answer each.

    Attributes:
        documents: id to title and text.
        questions: id to words.
        relevant: ids of documents by question; questions without any are left out.
        kind: what the documents are about.
        media_type: how they are written.
        measures: what is said of a run.
        attribution: whose it is.
    """

    documents: Mapping[str, tuple[str, str]]
    questions: Mapping[str, str]
    relevant: Mapping[str, frozenset[str]]
    kind: DocumentKind
    media_type: MediaType
    measures: tuple[str, ...]
    attribution: str


@dataclass(frozen=True, slots=True)
class Run:
    """The documents found for each question, the best first, and how long each search took."""

    found: Mapping[str, Sequence[str]]
    seconds: Sequence[float]


def read_scifact(folder: Path) -> Collection:
    """Claims and the abstracts they cite. OSError if the folder does not hold them."""
    with gzip.open(folder / "corpus.jsonl.gz", "rt", encoding="utf-8") as lines:
        documents = {one["_id"]: (one["title"], one["text"]) for one in map(json.loads, lines)}
    questions = {one["_id"]: one["text"] for one in _records(folder / "queries.jsonl")}
    return Collection(
        documents,
        questions,
        _relevant(folder, questions),
        DocumentKind.OTHER,
        MediaType.TEXT,
        ("ndcg@10", "recall@100", "mrr@10"),
        "SciFact, Wadden et al., Allen Institute for AI, CC BY 4.0; abstracts from S2ORC, "
        "ODC-By 1.0.",
    )


def read_policy_kb(folder: Path) -> Collection:
    """A bank's policies and the scenarios they are needed in. OSError if they are not there."""
    corpus = _records(folder / "corpus.jsonl")
    questions = {
        one["id"]: one["user_scenario"]["instructions"] for one in _records(folder / "tasks.jsonl")
    }
    return Collection(
        {one["_id"]: (one["title"], one["text"]) for one in corpus},
        questions,
        _relevant(folder, questions),
        DocumentKind.POLICY,
        MediaType.MARKDOWN,
        ("recall@10", "hit@10", "recall@50", "hit@50"),
        "tau2-bench, Sierra Research, MIT.",
    )


# By the name of their folder.
COLLECTIONS: Mapping[str, Callable[[Path], Collection]] = {
    "scifact": read_scifact,
    "policy_kb": read_policy_kb,
}


def build(
    collection: Collection, embedding: WordEmbedding, progress: Callable[[], None]
) -> TenantIndex:
    """An index of the collection's documents."""
    index = TenantIndex(FlatIndex(DIMENSIONS), TantivyIndex())
    documents = []
    for number, (name, (title, text)) in enumerate(collection.documents.items()):
        source = Source(UUID(int=number), title, name, collection.kind)
        passages = cut(read(collection.media_type, text), collection.kind, embedding.token_ends)
        documents.append(
            IndexedDocument(source, tuple(_indexed(one, title, embedding) for one in passages))
        )
        progress()
    index.replace((), documents, 1)
    return index


def search(
    collection: Collection,
    index: TenantIndex,
    embedding: WordEmbedding,
    dense_weight: float,
    defaults: RetrievalConfig,
) -> Run:
    """Every question, as the service answers it, one after another."""
    found: dict[str, list[str]] = {}
    seconds = []
    for name, text in collection.questions.items():
        began = time.perf_counter()
        vector = embedding.embed([text])[0]
        question = Question(
            text,
            vector,
            frozenset(),
            dense_weight,
            # more than a caller may ask for, so that documents of many passages leave others room
            limit=2 * defaults.candidates,
            candidates=defaults.candidates,
            least_cosine=defaults.least_cosine,
        )
        hits, _ = index.search(question)
        seconds.append(time.perf_counter() - began)
        found[name] = list(dict.fromkeys(hit.source.source for hit in hits))[:DEPTH]
    return Run(found, seconds)


def evaluate(collection: Collection, progress: Callable[[], None]) -> dict[str, Any]:
    """Scores of meaning alone, words alone and both, with the service's defaults."""
    defaults = RetrievalConfig.model_construct()
    embedding = WordEmbedding.load()
    index = build(collection, embedding, progress)
    weights = {"dense": 1.0, "sparse": 0.0, "hybrid": defaults.dense_weight}
    runs = {
        name: search(collection, index, embedding, weight, defaults)
        for name, weight in weights.items()
    }
    p50, p95 = np.percentile(runs["hybrid"].seconds, (50, 95)) * 1000
    return {
        **{
            name: scores(run.found, collection.relevant, collection.measures)
            for name, run in runs.items()
        },
        "latency_ms": {"p50": round(float(p50), 3), "p95": round(float(p95), 3)},
    }


def scores(
    found: Mapping[str, Sequence[str]],
    relevant: Mapping[str, frozenset[str]],
    measures: Sequence[str],
) -> dict[str, float]:
    """Means over the judged questions, as trec_eval defines them for judgements of 0 and 1."""
    judged = [(found.get(name, ()), wanted) for name, wanted in relevant.items()]
    return {
        name: sum(measure(ranked, wanted) for ranked, wanted in judged) / len(judged)
        for name, measure in MEASURES.items()
        if name in measures
    }


def ndcg(ranked: Sequence[str], wanted: frozenset[str], depth: int = 10) -> float:
    """Discounted gain of the first `depth`, of the best there could be."""
    gain = sum(1 / log2(rank + 2) for rank, one in enumerate(ranked[:depth]) if one in wanted)
    return gain / sum(1 / log2(rank + 2) for rank in range(min(depth, len(wanted))))


def recall(ranked: Sequence[str], wanted: frozenset[str]) -> float:
    """Share of what was wanted that was found."""
    return len(wanted.intersection(ranked)) / len(wanted)


def reciprocal_rank(ranked: Sequence[str], wanted: frozenset[str], depth: int = 10) -> float:
    """One over the rank of the first wanted document of the first `depth`; 0 without one."""
    return next((1 / rank for rank, one in enumerate(ranked[:depth], 1) if one in wanted), 0.0)


def hit(ranked: Sequence[str], wanted: frozenset[str]) -> float:
    """1 if anything wanted was found, else 0."""
    return 0.0 if wanted.isdisjoint(ranked) else 1.0


MEASURES: Mapping[str, Callable[[Sequence[str], frozenset[str]], float]] = {
    "ndcg@10": ndcg,
    "recall@10": lambda ranked, wanted: recall(ranked[:10], wanted),
    "hit@10": lambda ranked, wanted: hit(ranked[:10], wanted),
    "recall@50": lambda ranked, wanted: recall(ranked[:50], wanted),
    "hit@50": lambda ranked, wanted: hit(ranked[:50], wanted),
    "recall@100": lambda ranked, wanted: recall(ranked[:100], wanted),
    "mrr@10": reciprocal_rank,
}


def _indexed(passage: Cut, title: str, embedding: WordEmbedding) -> Indexed:
    vectors = embedding.embed(chunk_texts(title, passage))
    chunks = tuple(
        Chunk(UUID(int=number), span.start, span.end) for number, span in enumerate(passage.chunks)
    )
    kept = b"".join(map(packed, vectors))
    return Indexed(Passage(passage.headings, passage.text, chunks), unpacked(kept, len(chunks)))


def _relevant(folder: Path, questions: Container[str]) -> dict[str, frozenset[str]]:
    relevant: dict[str, set[str]] = {}
    for line in (folder / "qrels.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        question, document, score = line.split("\t")
        if question in questions and int(score) > 0:
            relevant.setdefault(question, set()).add(document)
    return {question: frozenset(wanted) for question, wanted in relevant.items()}


def _records(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
