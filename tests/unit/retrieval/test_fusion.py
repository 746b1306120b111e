"""Scores of two rankings, scaled and weighed."""

import pytest

from services.retrieval.search.fusion import fuse, scaled


def test_scores_are_scaled_from_the_least_to_the_greatest() -> None:
    assert scaled({1: 2.0, 2: 6.0, 3: 4.0}) == {1: 0.0, 2: 1.0, 3: 0.5}
    assert scaled({1: 0.4, 2: 0.4}) == {1: 1.0, 2: 1.0}
    assert scaled({}) == {}


def test_what_one_side_did_not_find_has_nothing_of_it() -> None:
    dense, sparse = {1: 0.9, 2: 0.5}, {2: 12.0, 3: 3.0}
    assert fuse(dense, sparse, 0.3) == [(2, pytest.approx(0.7)), (1, pytest.approx(0.3)), (3, 0.0)]
    assert fuse(dense, {}, 0.3) == [(1, pytest.approx(0.3)), (2, 0.0)]


def test_equals_come_in_the_order_of_their_keys() -> None:
    assert [key for key, _ in fuse({9: 1.0, 1: 1.0}, {}, 1.0)] == [1, 9]
