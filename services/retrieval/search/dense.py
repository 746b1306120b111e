"""Vectors in FAISS: a flat index, so that what is nearest is found, always.

An approximate index shared by tenants loses a small tenant's neighbours among everyone else's;
one of a tenant's own is scanned faster than it is worth approximating.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from services.retrieval.search.passages import Mask, Vectors


class FlatIndex:
    """Implements `DenseIndex` by inner products."""

    def __init__(self, dimensions: int) -> None:
        """An empty index; imports FAISS."""
        import faiss

        # A search is one thread's: others serve other searches.
        faiss.omp_set_num_threads(1)
        self._faiss: Any = faiss
        self._index: Any = faiss.IndexIDMap2(faiss.IndexFlatIP(dimensions))

    def replace(self, gone: Sequence[int], keys: Sequence[int], vectors: Sequence[Vectors]) -> None:
        if gone:
            self._index.remove_ids(np.asarray(gone, np.int64))
        if keys:
            self._index.add_with_ids(np.concatenate(vectors), np.asarray(keys, np.int64))

    def search(self, vector: Vectors, limit: int, among: Mask | None) -> list[tuple[int, float]]:
        most = min(limit, self._index.ntotal)
        if most == 0:
            return []
        parameters = None
        if among is not None:
            selector = self._faiss.IDSelectorBitmap(np.packbits(among, bitorder="little"))
            parameters = self._faiss.SearchParameters(sel=selector)
        scores, keys = self._index.search(vector.reshape(1, -1), most, params=parameters)
        found = zip(keys[0].tolist(), scores[0].tolist(), strict=True)
        # Where there are fewer than asked for, the rest have no key.
        return [(key, score) for key, score in found if key >= 0]

    def cosines(self, vector: Vectors, keys: Sequence[int]) -> Sequence[float]:
        if not keys:
            return []
        found: list[float] = (self._index.reconstruct_batch(np.asarray(keys)) @ vector).tolist()
        return found
