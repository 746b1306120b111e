"""What an index is put together from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from services.retrieval.search.passages import Mask, Vectors


@dataclass(frozen=True, slots=True)
class Words:
    """A passage as words are searched in: what it stands under, and its text."""

    key: int
    document_id: UUID
    kind: str
    context: str
    text: str


class DenseIndex(Protocol):
    """Vectors of length 1 by key, searched exactly."""

    def replace(self, gone: Sequence[int], keys: Sequence[int], vectors: Sequence[Vectors]) -> None:
        """Takes vectors out and puts others in: the rows of `vectors`, one for each of `keys`."""

    def search(self, vector: Vectors, limit: int, among: Mask | None) -> list[tuple[int, float]]:
        """Keys with their cosines, the nearest first; only those true in `among`, None for all."""

    def cosines(self, vector: Vectors, keys: Sequence[int]) -> Sequence[float]:
        """The cosine of each of `keys`, all of which are there."""


class SparseIndex(Protocol):
    """Passages by their words."""

    def prepare(self, gone: Iterable[UUID], words: Iterable[Words]) -> None:
        """Takes documents out and puts passages in, for searches after the next `show`."""

    def show(self) -> None:
        """Lets searches see what was prepared."""

    def search(self, query: str, limit: int, kinds: frozenset[str]) -> list[tuple[int, float]]:
        """Keys with their BM25 scores, the best first; only of `kinds`, none for all."""
