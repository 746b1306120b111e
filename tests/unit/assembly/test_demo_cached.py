"""The share of reads that a cache answered."""

from collections import Counter

import pytest

from services.assembly.demo.cached import hit_ratio


@pytest.mark.parametrize(
    ("before", "after", "ratio"),
    [
        ({"hit": 10, "miss": 10}, {"hit": 100, "miss": 20}, 0.9),
        ({}, {"hit": 3, "bypass": 1}, 0.75),
        # Started again in between.
        ({"hit": 1000, "miss": 7}, {"hit": 90, "miss": 10}, 0.9),
        ({"hit": 5}, {"hit": 5}, None),
    ],
)
def test_reads_in_between_count(
    before: dict[str, int], after: dict[str, int], ratio: float | None
) -> None:
    assert hit_ratio(before, Counter(after)) == ratio
