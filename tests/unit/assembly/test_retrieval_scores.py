"""The measures of retrieval, on rankings small enough to reckon by hand."""

import gzip
import json
from collections.abc import Mapping, Sequence
from math import log2
from pathlib import Path

import pytest

from services.assembly.evals.retrieval import (
    evaluate,
    ndcg,
    read_policy_kb,
    read_scifact,
    recall,
    reciprocal_rank,
    scores,
)

RANKED = ["a", "b", "c", "d"]


def test_gain_is_discounted_by_rank_and_measured_by_the_best_there_could_be() -> None:
    assert ndcg(RANKED, frozenset("a")) == 1
    assert ndcg(RANKED, frozenset("b")) == pytest.approx(1 / log2(3))
    both = (1 / log2(3) + 1 / log2(5)) / (1 + 1 / log2(3))
    assert ndcg(RANKED, frozenset("bd")) == pytest.approx(both)
    assert ndcg([*"efghijklmn", "a"], frozenset("a")) == 0


def test_recall_and_reciprocal_rank() -> None:
    assert recall(RANKED, frozenset("bdx")) == pytest.approx(2 / 3)
    assert reciprocal_rank(RANKED, frozenset("cd")) == pytest.approx(1 / 3)
    assert reciprocal_rank(RANKED, frozenset("x")) == 0


def test_a_question_without_an_answer_counts() -> None:
    found = {"1": ["a"], "2": []}
    relevant = {"1": frozenset("a"), "2": frozenset("b")}
    assert scores(found, relevant, ("ndcg@10", "hit@10")) == {"ndcg@10": 0.5, "hit@10": 0.5}


def write_lines(path: Path, records: Sequence[Mapping[str, object]]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def test_a_collection_is_indexed_and_searched_by_the_services_own_code(tmp_path: Path) -> None:
    texts = {"d1": "Dogs bark at night.", "d2": "Cats sleep all day.", "d3": "Rain falls in May."}
    with gzip.open(tmp_path / "corpus.jsonl.gz", "wt") as lines:
        for name, text in texts.items():
            lines.write(json.dumps({"_id": name, "title": text.split()[0], "text": text}) + "\n")
    write_lines(
        tmp_path / "queries.jsonl",
        [{"_id": "1", "text": "barking dogs"}, {"_id": "2", "text": "sleepy cat"}],
    )
    (tmp_path / "qrels.tsv").write_text(
        "query-id\tcorpus-id\tscore\n1\td1\t1\n2\td2\t1\n2\td3\t0\n"
    )
    seen: list[None] = []
    found = evaluate(read_scifact(tmp_path), lambda: seen.append(None))
    assert len(seen) == 3
    assert found.keys() == {"dense", "sparse", "hybrid", "latency_ms"}
    assert found["hybrid"] == {"ndcg@10": 1, "recall@100": 1, "mrr@10": 1}
    assert found["latency_ms"].keys() == {"p50", "p95"}


def test_scenarios_ask_for_policies(tmp_path: Path) -> None:
    write_lines(
        tmp_path / "corpus.jsonl",
        [
            {"_id": "a", "title": "Cards", "text": "## Gold\n\nA gold card has a fee."},
            {"_id": "b", "title": "Loans", "text": "## Terms\n\nA loan runs for years."},
        ],
    )
    task = {"id": "t", "user_scenario": {"instructions": "You want a gold card."}}
    write_lines(tmp_path / "tasks.jsonl", [task])
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nt\ta\t1\nother\tb\t1\n")
    found = evaluate(read_policy_kb(tmp_path), lambda: None)
    assert found["hybrid"] == {"recall@10": 1, "hit@10": 1, "recall@50": 1, "hit@50": 1}
