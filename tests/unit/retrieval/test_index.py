"""An index finds what is nearest and what is said, and forgets what is gone."""

import threading
from uuid import uuid4

import pytest

from services.retrieval.documents.document import DocumentKind
from services.retrieval.search.passages import Hit
from tests.unit.retrieval.indexes import ask, document, empty, indexed, titles

HOUSE = {
    "Dogs": "Dogs are welcome on the terrace.",
    "Hours": "We open at eight and close at six.",
    "Wifi": "The password is on the receipt.",
}


def test_meaning_finds_what_words_miss_and_the_other_way_round() -> None:
    index = indexed(HOUSE)
    assert titles(ask(index, "puppies", dense_weight=1))[:1] == ["Dogs"]
    assert ask(index, "puppies", dense_weight=0) == []
    (named,) = ask(index, "receipts", dense_weight=0)
    assert (named.source.title, named.dense) == ("Wifi", None)
    assert named.sparse is not None


def test_scores_are_scaled_and_say_where_they_come_from() -> None:
    first, *rest = ask(indexed(HOUSE), "When do you open?")
    assert (first.source.title, first.score) == ("Hours", 1)
    assert first.dense is not None
    assert first.sparse is not None
    assert all(0 <= hit.score < 1 for hit in rest)


def test_a_question_about_something_else_finds_nothing() -> None:
    index = indexed(HOUSE)
    for text in ("quantum chromodynamics", "can I do that please", "???", ""):
        assert ask(index, text) == []
    assert ask(empty(), "dogs") == []


@pytest.mark.parametrize(
    "text", ['dogs AND NOT "', "dogs)", "text:dogs", "+dogs -terrace", "dogs~2 [a TO b]", "/d.*/"]
)
def test_a_question_has_no_syntax(text: str) -> None:
    found = ask(indexed(HOUSE), text, dense_weight=0)
    assert titles(found) == (["Dogs"] if "dogs" in text else [])


def test_only_the_kinds_asked_for_are_found() -> None:
    index = empty()
    kinds = (DocumentKind.FAQ, DocumentKind.MENU, DocumentKind.POLICY)
    index.replace((), [document(kind, "Dogs are welcome.", kind=kind) for kind in kinds], 1)
    wanted = frozenset({"faq", "menu"})
    for weight in (0.0, 0.5, 1.0):
        assert set(titles(ask(index, "dogs", weight, wanted))) == wanted
        assert ask(index, "dogs", weight, frozenset({"other"})) == []


def test_a_document_is_replaced_and_removed_whole() -> None:
    index, known = empty(), uuid4()
    index.replace((), [document("Old", "Dogs are welcome.", known), document("B", "Cats.")], 1)
    index.replace((), [document("New", "Birds sing.", known)], 2)
    assert index.generation == 2
    for weight in (0.0, 0.5, 1.0):
        assert "Old" not in titles(ask(index, "dogs are welcome", weight))
        assert titles(ask(index, "birds sing", weight))[:1] == ["New"]
    index.replace([known, uuid4()], [], 3)
    assert len(index) == 1
    for weight in (0.0, 0.5, 1.0):
        assert ask(index, "birds sing", weight) == []


def test_there_is_one_hit_for_a_passage_with_its_nearest_chunk() -> None:
    filler = " ".join(f"Table {number} stands in the corner by the door." for number in range(30))
    content = f"{filler} Dogs may sleep under the bench. {filler}"
    for weight in (0.0, 0.3):
        (found,) = _only(ask(indexed({"Room": content}), "Where may dogs sleep?", weight))
        assert len(found.passage.chunks) > 2
        assert "Dogs may sleep" in found.passage.quote(found.chunk)


def test_a_search_sees_a_change_whole_or_not_at_all() -> None:
    index, known = empty(), uuid4()
    versions = [
        document(f"{letter}", f"Dogs {letter}.\n\n# X\nCats {letter}.", known) for letter in "ab"
    ]
    index.replace((), versions[:1], 1)
    mixed, stop = [], threading.Event()

    def search() -> None:
        while not stop.is_set():
            found = set(titles(ask(index, "dogs cats")))
            if len(found) != 1:
                mixed.append(found)

    searcher = threading.Thread(target=search)
    searcher.start()
    for number in range(30):
        index.replace((), [versions[number % 2]], number)
    stop.set()
    searcher.join()
    assert mixed == []


def _only(hits: list[Hit]) -> list[Hit]:
    assert len({id(hit.passage) for hit in hits}) == len(hits)
    return hits[:1]
