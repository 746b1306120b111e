"""A hybrid search of a large tenant against the flat scan inside it, both in this process."""

import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from uuid import UUID

import faiss
import numpy as np

from services.retrieval.config import RetrievalConfig
from services.retrieval.embedding import DIMENSIONS, WordEmbedding
from services.retrieval.search.dense import FlatIndex
from services.retrieval.search.index import Question, TenantIndex
from services.retrieval.search.passages import (
    Chunk,
    Indexed,
    IndexedDocument,
    Passage,
    Source,
    Vectors,
)
from services.retrieval.search.sparse import TantivyIndex
from tests.bench.table import Row, interleaved

CHUNKS = 99_000
CHUNKS_A_PASSAGE = 3
PASSAGES_A_DOCUMENT = 10
WORDS_A_PASSAGE = 200
VOCABULARY = 30_000
QUESTIONS = 40
FOUND = 10


async def rows() -> Sequence[Row]:
    """Milliseconds a search, the question's embedding included."""
    random_ = random.Random(7)
    vectors = _unit(np.random.default_rng(7).standard_normal((CHUNKS, DIMENSIONS), np.float32))
    embedding = WordEmbedding.load()
    index = TenantIndex(FlatIndex(DIMENSIONS), TantivyIndex())
    index.replace((), list(_documents(random_, vectors)), 1)
    faiss.omp_set_num_threads(1)
    flat = faiss.IndexFlatIP(DIMENSIONS)
    flat.add(vectors)
    questions = [_words(random_, 8) for _ in range(QUESTIONS)]
    asked = embedding.embed(questions)
    settings = RetrievalConfig.model_construct()

    def hybrid(text: str, _vector: Vectors) -> None:
        vector = embedding.embed([text])[0]
        index.search(
            Question(
                text=text,
                vector=vector,
                kinds=frozenset(),
                dense_weight=settings.dense_weight,
                limit=FOUND,
                candidates=settings.candidates,
                # What nothing is beyond: these vectors are random, all of them are far.
                least_cosine=-1.0,
            )
        )

    def bare(_text: str, vector: Vectors) -> None:
        flat.search(vector[np.newaxis], FOUND)

    found = await interleaved(
        {
            name: _timed(search, questions, asked)
            for name, search in (("hybrid", hybrid), ("bare", bare))
        }
    )
    return [
        Row(
            f"hybrid search, {CHUNKS:,} chunks, embedding included",
            f"{found['hybrid']:.1f} ms",
            f"{found['bare']:.1f} ms",
            found["hybrid"] / found["bare"],
            2,
            at_most=True,
            note="bare: FAISS flat scan, one thread",
        )
    ]


def _timed(
    search: Callable[[str, Vectors], None], questions: Sequence[str], asked: Vectors
) -> Callable[[], Awaitable[float]]:
    async def measure() -> float:
        began = time.perf_counter()
        for text, vector in zip(questions, asked, strict=True):
            search(text, vector)
        return (time.perf_counter() - began) * 1000 / len(questions)

    return measure


def _documents(random_: random.Random, vectors: Vectors) -> Iterator[IndexedDocument]:
    """Documents of words as frequent as words are, with the vectors given, in order."""
    chunks = tuple(Chunk(UUID(int=0), 0, 10) for _ in range(CHUNKS_A_PASSAGE))
    step = CHUNKS_A_PASSAGE * PASSAGES_A_DOCUMENT
    for first in range(0, CHUNKS, step):
        passages = tuple(
            Indexed(
                Passage((_words(random_, 3),), _words(random_, WORDS_A_PASSAGE), chunks),
                vectors[at : at + CHUNKS_A_PASSAGE],
            )
            for at in range(first, first + step, CHUNKS_A_PASSAGE)
        )
        source = Source(UUID(int=first + 1), _words(random_, 3), "bench", "other")
        yield IndexedDocument(source, passages)


def _words(random_: random.Random, count: int) -> str:
    """Words by Zipf's law: the rank of a word is the power of its share."""
    return " ".join(f"w{int(VOCABULARY ** random_.random())}" for _ in range(count))


def _unit(vectors: Vectors) -> Vectors:
    scaled: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled
