import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.dialects.keepsake import read_keepsake, write_keepsake


@given(
    st.dictionaries(
        st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True), st.dictionaries(st.just("a"), st.integers(0, 9))
    )
)
def test_what_was_kept_comes_back(extras: dict[str, object]) -> None:
    assert read_keepsake(write_keepsake(extras)) == extras


def test_a_providers_own_thinking_is_no_keepsake() -> None:
    assert read_keepsake("EmwKAhgBEgy3va3pzix") is None


@pytest.mark.parametrize("data", ["gateway.", "gateway.%", "gateway.W10=", "gateway.eyJhIjoxLCJhIjoyfQ=="])
def test_one_that_was_made_up_keeps_nothing(data: str) -> None:
    assert read_keepsake(data) == {}
