"""What the dialects share beside their interface."""

from typing import Any

import pytest

from extproc.dialects.dialect import text_or_none


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"message": "no"}, "no"),
        ({"message": ""}, ""),
        ({"message": 7}, None),
        ({"message": None}, None),
        ({"message": ["no"]}, None),
        ({}, None),
        (None, None),
        ("message", None),
        (["message"], None),
    ],
)
def test_a_text_is_taken_only_where_it_is_one(value: Any, found: str | None) -> None:
    assert text_or_none(value, "message") == found
