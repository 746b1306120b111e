import pytest

# What support modules assert is told as fully as what tests do.
pytest.register_assert_rewrite("tests.support")
