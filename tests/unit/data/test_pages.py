"""Pages of a list (AIP-158)."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.data.pages import PageTokens, page_size
from services.chassis.rpc.errors import Failure

TOKENS = PageTokens("a secret of this run")
ARGUMENTS = {"status": "placed", "tenant": "a"}


@pytest.mark.parametrize(("asked", "given"), [(0, 50), (1, 1), (200, 200), (201, 200)])
def test_a_page_is_fifty_by_default_and_two_hundred_at_most(asked: int, given: int) -> None:
    assert page_size(asked) == given


def test_the_empty_token_is_the_first_page() -> None:
    assert TOKENS.decode("", ARGUMENTS) is None


@given(st.lists(st.text() | st.integers(-(2**63), 2**63), min_size=1, max_size=4))
def test_a_token_carries_its_position(position: list[str | int]) -> None:
    token = TOKENS.encode(position, ARGUMENTS)
    assert TOKENS.decode(token, ARGUMENTS) == position
    assert token.isascii()
    assert token.replace("-", "").replace("_", "").isalnum()


def test_the_order_of_arguments_does_not_matter() -> None:
    token = TOKENS.encode([1], {"a": "1", "b": "2"})
    assert TOKENS.decode(token, {"b": "2", "a": "1"}) == [1]


@pytest.mark.parametrize(
    "arguments", [{}, {"status": "ready", "tenant": "a"}, {"status": "placed", "tenant": "b"}]
)
def test_other_arguments_refuse_the_token(arguments: dict[str, str]) -> None:
    token = TOKENS.encode(["x"], ARGUMENTS)
    with pytest.raises(Failure) as refused:
        TOKENS.decode(token, arguments)
    assert refused.value.reason == "PAGE_TOKEN_INVALID"


def test_a_token_of_another_secret_is_refused() -> None:
    token = PageTokens("another secret").encode(["x"], ARGUMENTS)
    with pytest.raises(Failure):
        TOKENS.decode(token, ARGUMENTS)


def test_tokens_are_not_signed_without_a_secret() -> None:
    with pytest.raises(ValueError, match="MAITRED_PAGE_TOKEN_KEY"):
        PageTokens("")


@given(st.text(min_size=1, max_size=60))
def test_nonsense_is_refused_and_nothing_worse(token: str) -> None:
    with pytest.raises(Failure) as refused:
        TOKENS.decode(token, ARGUMENTS)
    assert refused.value.reason == "PAGE_TOKEN_INVALID"


def test_a_forged_position_is_refused() -> None:
    token = TOKENS.encode(["x"], ARGUMENTS)
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    forged = base64.urlsafe_b64encode(raw.replace(b'"x"', b'"y"')).decode().rstrip("=")
    with pytest.raises(Failure):
        TOKENS.decode(forged, ARGUMENTS)
