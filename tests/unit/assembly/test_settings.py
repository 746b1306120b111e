"""What people are told of settings that cannot be used."""

import pytest
from pydantic import ValidationError

from services.assembly.settings import invalid_settings
from services.orders.config import OrdersConfig


def test_a_setting_out_of_range_is_named_as_people_set_it() -> None:
    with pytest.raises(ValidationError) as raised:
        OrdersConfig(quote_lifetime_s=-5)

    sentences = invalid_settings(raised.value)

    assert sentences is not None
    assert [one.partition(": ")[0] for one in sentences] == ["MAITRED_ORDERS_QUOTE_LIFETIME_S=-5"]


def test_what_is_secret_is_named_and_not_shown() -> None:
    with pytest.raises(ValidationError) as raised:
        OrdersConfig(redis_url="http://:secret@example.test")

    assert invalid_settings(raised.value) == [
        "REDIS_URL=•••: must begin with redis:// or rediss://"
    ]


def test_other_errors_are_nobodys_setting() -> None:
    assert invalid_settings(ValueError("something else")) is None
