"""Sections are cut into passages and chunks of bounded size, at the best place there is."""

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.retrieval.documents.chunking import (
    CHUNK_TOKENS,
    PASSAGE_TOKENS,
    Passage,
    chunk_texts,
    cut,
)
from services.retrieval.documents.document import DocumentKind
from services.retrieval.documents.section import Section


def word_ends(text: str) -> Sequence[int]:
    """A token for each word and each sign."""
    return [match.end() for match in re.finditer(r"\w+|[^\w\s]", text)]


def passages(text: str, kind: DocumentKind = DocumentKind.OTHER) -> list[Passage]:
    return list(cut([Section(("Top", "Below"), text)], kind, word_ends))


def quotes(passage: Passage) -> list[str]:
    return [passage.text[chunk.start : chunk.end] for chunk in passage.chunks]


def test_what_is_short_enough_stays_whole() -> None:
    (passage,) = passages("Dogs are welcome. Cats are not.")
    assert passage.headings == ("Top", "Below")
    assert quotes(passage) == [passage.text] == ["Dogs are welcome. Cats are not."]


@pytest.mark.parametrize("kind", DocumentKind)
def test_no_piece_is_longer_than_its_kind_allows(kind: DocumentKind) -> None:
    text = " ".join(f"Sentence {number} says little." for number in range(700))
    found = passages(text, kind)
    assert max(len(word_ends(one.text)) for one in found) <= PASSAGE_TOKENS[kind]
    chunks = [quote for one in found for quote in quotes(one)]
    assert max(len(word_ends(chunk)) for chunk in chunks) <= CHUNK_TOKENS
    assert " ".join(chunks) == text


def test_pieces_end_with_sentences_and_are_about_equally_long() -> None:
    text = " ".join(f"Sentence {number} says little." for number in range(60))
    (passage,) = passages(text)
    sizes = [len(word_ends(quote)) for quote in quotes(passage)]
    assert all(quote.endswith(".") for quote in quotes(passage))
    assert len(sizes) == 3
    assert max(sizes) - min(sizes) <= 5


def test_without_sentences_a_cut_falls_between_words_and_without_words_anywhere() -> None:
    (passage,) = passages("word " * 200)
    assert set(" ".join(quotes(passage)).split()) == {"word"}
    signs = passages("!" * 1000)
    assert "".join(quote for one in signs for quote in quotes(one)) == "!" * 1000


@given(st.text(st.sampled_from("ab .!\n#é😀"), max_size=3000))
def test_nothing_but_white_space_is_lost(text: str) -> None:
    chunks = [quote for one in passages(text, DocumentKind.FAQ) for quote in quotes(one)]
    assert "".join("".join(chunks).split()) == "".join(text.split())
    assert all(chunk == chunk.strip() != "" for chunk in chunks)


def test_a_chunk_is_embedded_below_its_title_and_headings() -> None:
    (passage,) = passages("Dogs are welcome.")
    assert chunk_texts("Rules", passage) == ["Rules. Top. Below. Dogs are welcome."]
    assert chunk_texts("Top", passage) == ["Top. Below. Dogs are welcome."]
