"""One tenant's index in memory: meaning over chunks, words over passages."""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from uuid import UUID

import numpy as np

from services.retrieval.search.fusion import fuse
from services.retrieval.search.passages import (
    Hit,
    Indexed,
    IndexedDocument,
    Mask,
    Passage,
    Source,
    Vectors,
    context,
)
from services.retrieval.search.ports import DenseIndex, SparseIndex, Words


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for.

    Attributes:
        text: the question.
        vector: its embedding, of length 1.
        kinds: of documents to look in; none for all.
        dense_weight: of meaning against words, in [0, 1].
        limit: passages wanted.
        candidates: pieces each of meaning and words may put forward.
        least_cosine: what is farther is not found by meaning: it only happens to be there.
    """

    text: str
    vector: Vectors
    kinds: frozenset[str]
    dense_weight: float
    limit: int
    candidates: int
    least_cosine: float


@dataclass(frozen=True, slots=True)
class _Entry:
    """A passage under its key, with the keys of its chunks."""

    source: Source
    passage: Passage
    chunk_keys: range


class TenantIndex:
    """Searched and changed by any thread; a search sees a change whole or not at all.

    Args:
        dense: empty, over chunks.
        sparse: empty, over passages.
    """

    def __init__(self, dense: DenseIndex, sparse: SparseIndex) -> None:
        self.generation = 0
        self._dense = dense
        self._sparse = sparse
        self._entries: dict[int, _Entry] = {}
        self._passage_of: dict[int, int] = {}
        self._documents: dict[UUID, tuple[int, ...]] = {}
        self._masks: dict[frozenset[str], Mask] = {}
        self._keys = count()
        self._next_chunk = 0
        self._lock = threading.Lock()
        self._changing = threading.Lock()

    def __len__(self) -> int:
        """How many chunks it holds."""
        return len(self._passage_of)

    def replace(
        self, gone: Iterable[UUID], documents: Sequence[IndexedDocument], generation: int
    ) -> None:
        """Takes documents out, puts others in, and is of that generation.

        Args:
            gone: documents that are no more; those not held are passed over.
            documents: in place of those with their ids.
            generation: of the index from now on.
        """
        with self._changing:
            leaving = [*gone, *(document.source.document_id for document in documents)]
            old = [key for one in leaving for key in self._documents.get(one, ())]
            new = {
                next(self._keys): (document.source, indexed)
                for document in documents
                for indexed in document.passages
            }
            entries = {key: self._entry(*one) for key, one in new.items()}
            # The long part, beside searches that go on in what is there.
            self._sparse.prepare(leaving, (_words(key, entry) for key, entry in entries.items()))
            vectors = [indexed.vectors for _, indexed in new.values()]
            with self._lock:
                self._sparse.show()
                self._swap(leaving, old, entries, vectors)
                self.generation = generation

    def search(self, question: Question) -> tuple[list[Hit], int]:
        """The best passages, at most one hit for each, and the generation they are of."""
        with self._lock:
            nearest = self._nearest(question)
            sparse = self._worded(question)
            dense = {passage: score for passage, (_, score) in nearest.items()}
            found = fuse(dense, sparse, question.dense_weight)[: question.limit]
            cited = self._cited(question.vector, [key for key, _ in found if key not in nearest])
            hits = [
                self._hit(key, score, nearest.get(key) or (cited[key], None), sparse.get(key))
                for key, score in found
            ]
            return hits, self.generation

    def _nearest(self, question: Question) -> dict[int, tuple[int, float]]:
        """The nearest chunk of each passage found by meaning, with its cosine."""
        if question.dense_weight == 0 or not question.vector.any():
            return {}
        among = self._of_kinds(question.kinds) if question.kinds else None
        best: dict[int, tuple[int, float]] = {}
        for chunk, score in self._dense.search(question.vector, question.candidates, among):
            if score >= question.least_cosine:
                best.setdefault(self._passage_of[chunk], (chunk, score))
        return best

    def _of_kinds(self, kinds: frozenset[str]) -> Mask:
        """The chunks of documents of these kinds; kept until the index changes."""
        if kinds not in self._masks:
            mask = np.zeros(self._next_chunk, np.bool_)
            for entry in self._entries.values():
                if entry.source.kind in kinds:
                    mask[entry.chunk_keys.start : entry.chunk_keys.stop] = True
            self._masks[kinds] = mask
        return self._masks[kinds]

    def _worded(self, question: Question) -> dict[int, float]:
        if question.dense_weight == 1:
            return {}
        return dict(self._sparse.search(question.text, question.candidates, question.kinds))

    def _cited(self, vector: Vectors, keys: Sequence[int]) -> dict[int, int]:
        """The chunk of each passage that is nearest to a question, however far."""
        chunks = [chunk for key in keys for chunk in self._entries[key].chunk_keys]
        near = dict(zip(chunks, self._dense.cosines(vector, chunks), strict=True))
        return {key: max(self._entries[key].chunk_keys, key=near.__getitem__) for key in keys}

    def _hit(
        self, key: int, score: float, nearest: tuple[int, float | None], sparse: float | None
    ) -> Hit:
        entry = self._entries[key]
        chunk = entry.passage.chunks[nearest[0] - entry.chunk_keys.start]
        return Hit(entry.source, entry.passage, chunk, score, nearest[1], sparse)

    def _entry(self, source: Source, indexed: Indexed) -> _Entry:
        first = self._next_chunk
        self._next_chunk += len(indexed.passage.chunks)
        return _Entry(source, indexed.passage, range(first, self._next_chunk))

    def _swap(
        self,
        leaving: Iterable[UUID],
        old: Sequence[int],
        entries: dict[int, _Entry],
        vectors: Sequence[Vectors],
    ) -> None:
        self._masks.clear()
        gone = [chunk for key in old for chunk in self._entries.pop(key).chunk_keys]
        for chunk in gone:
            del self._passage_of[chunk]
        for document_id in leaving:
            self._documents.pop(document_id, None)
        coming = [chunk for entry in entries.values() for chunk in entry.chunk_keys]
        self._dense.replace(gone, coming, vectors)
        for key, entry in entries.items():
            self._entries[key] = entry
            self._passage_of.update(dict.fromkeys(entry.chunk_keys, key))
            held = self._documents.get(entry.source.document_id, ())
            self._documents[entry.source.document_id] = (*held, key)


# Makes an empty index.
NewIndex = Callable[[], TenantIndex]


def _words(key: int, entry: _Entry) -> Words:
    return Words(
        key,
        entry.source.document_id,
        entry.source.kind,
        context(entry.source.title, entry.passage.headings),
        entry.passage.text,
    )
