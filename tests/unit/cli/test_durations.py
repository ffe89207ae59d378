import click
import pytest

from extproc.cli.durations import Duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("90d", 7_776_000), ("12h", 43_200), ("30m", 1800), ("45s", 45), ("0", 0), ("0d", 0)]
)
def test_a_span_is_a_number_and_its_unit(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "90", "d", "-1d", "1.5h", "1w", "1d2h", " 1d", "1d\n", "٣d", "1" * 10 + "s"])
def test_anything_else_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(click.BadParameter, match="90d"):
        Duration().convert(text, None, None)
