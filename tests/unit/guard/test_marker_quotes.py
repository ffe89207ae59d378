"""What counts as quoted."""

import pytest

from extproc.guard.marker_quotes import Quotes


@pytest.mark.parametrize(
    ("text", "is_quoted"),
    [
        ("X", False),
        ("see X here", False),
        ("```\nX\n```", True),
        ("```\ncode\n```\nX", False),
        ("```\nX", False),
        ("what is `a X b`?", True),
        ("`a` X", False),
        ("`a X", False),
        ("`\nX `", False),
        ('say "X"', True),
        ('say "is X it"', True),
        ('say "so". X "', False),
        ("say \u201cso. X", False),
        ("say \u201cis X it\u201d", True),
        ("say \u201cX\u201d", True),
    ],
)
def test_tells_quoted_from_said(text: str, is_quoted: bool) -> None:
    at = text.index("X")
    assert Quotes(text).holds(at, at + 1) is is_quoted
