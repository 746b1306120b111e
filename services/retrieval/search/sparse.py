"""Words in tantivy: BM25 over passages, in memory.

A passage has two fields: its text below what it stands under, and what it stands under alone,
which counts a little extra. Words are lower-cased, folded to ASCII and stemmed (Snowball); those
that say nothing are left out. What each of it is worth stands in docs/developer/evaluation.md.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.retrieval.search.english import STOP_WORDS
from services.retrieval.search.ports import Words

if TYPE_CHECKING:
    import tantivy

CONTEXT_BOOST = 0.2
# The least tantivy takes; a writer lives for one batch.
_WRITER_BYTES = 15_000_000
_LONGEST_WORD = 64
_WORD = re.compile(r"[^\W_]+")


class TantivyIndex:
    """Implements `SparseIndex`."""

    def __init__(self) -> None:
        """An empty index; imports tantivy."""
        import tantivy

        self._tantivy: Any = tantivy
        builder = tantivy.SchemaBuilder()
        builder.add_unsigned_field("key", fast=True)
        for name in ("document", "kind"):
            builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
        for name in ("context", "text"):
            builder.add_text_field(name, tokenizer_name="words", index_option="freq")
        self._schema = builder.build()
        self._index = tantivy.Index(self._schema)
        self._index.register_tokenizer("words", _words())
        self._index.config_reader(reload_policy="manual")

    def prepare(self, gone: Iterable[UUID], words: Iterable[Words]) -> None:
        with self._index.writer(_WRITER_BYTES, num_threads=1) as writer:
            for document_id in gone:
                writer.delete_documents_by_term("document", document_id.hex)
            for one in words:
                document = self._tantivy.Document()
                document.add_unsigned("key", one.key)
                document.add_text("document", one.document_id.hex)
                document.add_text("kind", one.kind)
                document.add_text("context", one.context)
                document.add_text("text", f"{one.context}\n{one.text}")
                writer.add_document(document)

    def show(self) -> None:
        self._index.reload()

    def search(self, query: str, limit: int, kinds: frozenset[str]) -> list[tuple[int, float]]:
        # Of nothing but stop words the parser makes a query for everything.
        words = [word for word in _WORD.findall(query.lower()) if word not in STOP_WORDS]
        if not words:
            return []
        # The stubs type a field's values for every kind of field at once.
        searcher: Any = self._index.searcher()
        hits = searcher.search(self._parsed(words, kinds), limit, count=False).hits
        keys = searcher.fast_field_values("key", [address for _, address in hits])
        return [(key, score) for key, (score, _) in zip(keys, hits, strict=True)]

    def _parsed(self, words: Iterable[str], kinds: frozenset[str]) -> "tantivy.Query":
        """Any of the words, which are bare: a guest's question has no syntax."""
        parsed: tantivy.Query
        parsed, _ = self._index.parse_query_lenient(
            " ".join(words),
            ["text", "context"],
            field_boosts={"text": 1.0, "context": CONTEXT_BOOST},
        )
        if not kinds:
            return parsed
        query_class, occur = self._tantivy.Query, self._tantivy.Occur
        within = query_class.term_set_query(self._schema, "kind", sorted(kinds))
        narrowed: tantivy.Query = query_class.boolean_query(
            [
                (occur.Must, parsed),
                (occur.Must, query_class.const_score_query(within, 0.0)),
            ]
        )
        return narrowed


def _words() -> "tantivy.TextAnalyzer":
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    return (
        TextAnalyzerBuilder(Tokenizer.simple())
        .filter(Filter.remove_long(_LONGEST_WORD))
        .filter(Filter.lowercase())
        .filter(Filter.ascii_fold())
        .filter(Filter.custom_stopword(sorted(STOP_WORDS)))
        .filter(Filter.stemmer("english"))
        .build()
    )
