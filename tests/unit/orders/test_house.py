"""Carts, promotions, taxes and states do what a simple model of them does, whatever comes."""

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.support.house import House


def test_the_house_is_as_its_model() -> None:
    size = settings(max_examples=200, stateful_step_count=20, deadline=None)
    run_state_machine_as_test(House, settings=size)
