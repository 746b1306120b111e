"""Our few lines make of a text what the package does whose weights they read."""

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from services.retrieval.embedding import DIMENSIONS, WordEmbedding

TEXTS = [
    "Can I bring my dog?",
    "x",
    "Crème brûlée — 4,50 €, déjà vu 😀",
    "a line\nand another\n\n\tindented",
    "word " * 700,
]


@pytest.fixture(scope="module")
def embedding() -> WordEmbedding:
    return WordEmbedding.load()


def test_reading_the_weights_imports_no_package() -> None:
    code = (
        "import sys; from services.retrieval.embedding import WordEmbedding;"
        "WordEmbedding.load().embed(['dog']); print('wordllama' in sys.modules)"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert printed.stdout.strip() == "False"


@pytest.mark.filterwarnings("ignore")
def test_vectors_are_the_packages_own(embedding: WordEmbedding) -> None:
    from wordllama import WordLlama  # type: ignore[import-untyped]

    # It looks for its own tokenizer in the wrong folder, and would download it.
    folder = Path(str(files("wordllama")))
    package = WordLlama.load(cache_dir=folder, disable_download=True)
    for text in TEXTS:
        expected = package.embed([text], norm=True)[0]
        np.testing.assert_array_equal(embedding.embed([text])[0], expected)


def test_a_text_without_words_is_nowhere(embedding: WordEmbedding) -> None:
    vectors = embedding.embed(["", "dog"])
    assert vectors.shape == (2, DIMENSIONS)
    assert not vectors[0].any()
    assert np.linalg.norm(vectors[1]) == pytest.approx(1, abs=1e-6)
    assert embedding.embed([]).shape == (0, DIMENSIONS)


def test_token_ends_cover_the_text(embedding: WordEmbedding) -> None:
    for text in TEXTS:
        ends = list(embedding.token_ends(text))
        assert ends == sorted(ends)
        assert ends[-1] == len(text)
