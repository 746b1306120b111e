"""Carts, promotions, taxes and states beside a simple model, five thousand times over."""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.support.house import House


def test_the_house_is_as_its_model_for_as_long_as_one_looks() -> None:
    size = settings(
        max_examples=5000,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    run_state_machine_as_test(House, settings=size)
