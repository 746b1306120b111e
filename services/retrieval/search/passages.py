"""What an index holds: documents in passages, each found by its chunks."""

from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
# Whether each key, from 0 on, is among those meant.
Mask = npt.NDArray[np.bool_]
_KEPT = np.dtype("<f2")


@dataclass(frozen=True, slots=True)
class Source:
    """The document a passage is of, as citations name it."""

    document_id: UUID
    title: str
    source: str
    kind: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Characters `start` to `end` of a passage."""

    chunk_id: UUID
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Passage:
    """Words to answer from."""

    headings: tuple[str, ...]
    text: str
    chunks: tuple[Chunk, ...]

    def quote(self, chunk: Chunk) -> str:
        """The words of a chunk."""
        return self.text[chunk.start : chunk.end]


@dataclass(frozen=True, slots=True)
class Indexed:
    """A passage as it goes into an index: `vectors` has a row of length 1 for each chunk."""

    passage: Passage
    vectors: Vectors


@dataclass(frozen=True, slots=True)
class IndexedDocument:
    """A document with all of its passages."""

    source: Source
    passages: tuple[Indexed, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found.

    Attributes:
        chunk: the piece of it that is nearest to the question.
        score: both scores weighed, in [0, 1].
        dense: cosine of question and chunk; None where it was found by words alone.
        sparse: BM25 of question and passage; None where it was found by meaning alone.
    """

    source: Source
    passage: Passage
    chunk: Chunk
    score: float
    dense: float | None
    sparse: float | None


def packed(vector: Vectors) -> bytes:
    """A vector as it is kept: little-endian float16, as exact as the weights it is made of."""
    return vector.astype(_KEPT).tobytes()


def unpacked(vectors: bytes, count: int) -> Vectors:
    """So many vectors that were kept, one after another."""
    return np.frombuffer(vectors, _KEPT).reshape(count, -1).astype(np.float32)


def context(title: str, headings: tuple[str, ...]) -> str:
    """What a passage stands under, in words: its title and headings, none twice."""
    return ". ".join(dict.fromkeys(filter(None, (title, *headings))))
