"""``test_vault`` has what is printed; here is how times are said."""

import pytest

from extproc.cli.vault_view import _is_usable, _span, _until
from extproc.model.credentials import Source
from extproc.model.vault_state import SourceState


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-1, "over"), (0, "0 s"), (59.9, "59 s"), (60, "1 m"), (3599, "59 m"), (3600, "1 h"), (86_400 * 2.5, "2 d")],
)
def test_a_span_is_said_in_whole_units_and_never_rounded_up(seconds: float, said: str) -> None:
    assert _span(seconds) == said


def test_what_is_not_known_is_not_reckoned_with() -> None:
    assert _until(None, 1) is _until(1, None) is None
    assert _until(12.34, 10) == 2.3


def test_a_credential_is_usable_before_its_end_only() -> None:
    held = SourceState(Source("p"), 1, None, 10, is_renewable=False, trouble="")
    assert [_is_usable(held, now_s) for now_s in (9, 10)] == [True, False]
    assert not _is_usable(SourceState(Source("p"), None, None, None, is_renewable=False, trouble=""), 0)
