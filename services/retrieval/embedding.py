"""Meaning as a vector: the weights of wordllama, read without the package.

A text's vector is the mean of its tokens' rows in the table, of length 1: equal, bit for bit, to
what the package of the same name makes of it. Only two files of it are read; the package itself
needs compiled parts that some platforms lack, and would download what it does not find.
"""

import importlib.metadata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Vector = npt.NDArray[np.float32]

PACKAGE = "wordllama"
WEIGHTS = "weights/l2_supercat_256.safetensors"
TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"
DIMENSIONS = 256


class WordEmbedding:
    """Embeds texts; may be used by several threads at once."""

    def __init__(self, table: npt.NDArray[np.float16], tokenizer: "Tokenizer") -> None:
        self._table = table
        self._tokenizer = tokenizer

    @classmethod
    def load(cls) -> "WordEmbedding":
        """Reads 18 MB of files; imports what that takes.

        Raises:
            FileNotFoundError: the package that brings them is not installed.
        """
        from safetensors import safe_open
        from tokenizers import Tokenizer

        with safe_open(_path(WEIGHTS), framework="numpy") as weights:
            table = weights.get_tensor("embedding.weight")
        tokenizer = Tokenizer.from_file(_path(TOKENIZER))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return cls(table, tokenizer)

    def embed(self, texts: Iterable[str]) -> Vector:
        """A row of length 1 for each text; of zeros for a text without tokens."""
        rows = [self._embedded(text) for text in texts]
        return np.stack(rows) if rows else np.empty((0, DIMENSIONS), np.float32)

    def token_ends(self, text: str) -> Sequence[int]:
        """The offset at which each token of a text ends, ascending."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        return [end for _, end in encoding.offsets]

    def _embedded(self, text: str) -> Vector:
        # One by one: a batch would be spread over threads of the tokenizer's own.
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        if not ids:
            return np.zeros(DIMENSIONS, np.float32)
        mean: Vector = self._table[ids].astype(np.float32).sum(axis=0) / np.float32(len(ids))
        length = np.sqrt((mean * mean).sum())
        return mean / length if length else mean


def _path(name: str) -> str:
    """Where an installed file of the package lies."""
    try:
        distribution = importlib.metadata.distribution(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        raise FileNotFoundError(f"{PACKAGE} is not installed, and with it its weights") from None
    return str(distribution.locate_file(f"{PACKAGE}/{name}"))
