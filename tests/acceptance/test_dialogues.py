"""Dialogues of our own, over both demo tenants, through the gateway."""

from collections.abc import Sequence

import pytest
import pytest_asyncio

from tests.acceptance.dialogues import DIALOGUES, Outcome, play
from tests.support.mesh import RunningMesh

CATEGORIES = {"off_topic", "unavailable", "ambiguous", "change", "removal", "differing"}
CATEGORIES |= {"refused", "silence"}
LEAST = 60
LEAST_RIGHT = 0.9


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def outcomes(mesh: RunningMesh) -> Sequence[Outcome]:
    return await play(mesh.gateway_url, DIALOGUES)


def test_there_are_enough_of_every_kind() -> None:
    assert len(DIALOGUES) >= LEAST
    assert {one["category"] for one in DIALOGUES} >= CATEGORIES


@pytest.mark.asyncio(loop_scope="module")
async def test_nine_of_ten_guests_get_what_they_asked_for(outcomes: Sequence[Outcome]) -> None:
    wrong = [one.told() for one in outcomes if not one.is_right]
    assert len(wrong) <= (1 - LEAST_RIGHT) * len(outcomes), "\n".join(wrong)


@pytest.mark.asyncio(loop_scope="module")
async def test_nothing_is_ordered_without_an_explicit_yes(outcomes: Sequence[Outcome]) -> None:
    assert [one.told() for one in outcomes if one.is_unasked] == []


@pytest.mark.asyncio(loop_scope="module")
async def test_no_dialogue_ends_in_an_error(outcomes: Sequence[Outcome]) -> None:
    assert [one.told() for one in outcomes if one.went.error] == []
