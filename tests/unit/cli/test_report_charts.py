"""Charts show the amounts they are given."""

import re
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from extproc.cli.report_charts import meter, nice_step, over_time, parts_of, scale

amounts = st.integers(0, 10**15)


@given(st.lists(amounts, max_size=120))
def test_bars_are_within_the_picture_and_as_high_as_their_amounts(found: list[int]) -> None:
    svg = ET.fromstring(over_time([(f"d{place}", amount) for place, amount in enumerate(found)], "t"))  # noqa: S314
    _, _, width, height = map(int, svg.attrib["viewBox"].split())
    bars = [each.attrib for each in svg.iter("rect")]
    assert len(bars) == sum(1 for amount in found if amount)
    for bar in bars:
        assert 0 <= int(bar["x"]) <= int(bar["x"]) + int(bar["width"]) <= width
        assert 0 <= int(bar["y"]) <= int(bar["y"]) + int(bar["height"]) <= height
    drawn = sorted(zip((amount for amount in found if amount), (int(bar["height"]) for bar in bars), strict=True))
    assert [high for _, high in drawn] == sorted(high for _, high in drawn)
    assert all(high >= 1 for _, high in drawn)


def test_a_bar_tells_its_amount_to_the_micro_dollar_and_escapes_its_name() -> None:
    drawn = over_time([("<b>", 1_234_567)], "a & b")
    assert "<title>&lt;b&gt;: 1.234567 USD</title>" in drawn
    assert "<title>a &amp; b</title>" in drawn


@given(amounts)
def test_the_scale_reaches_the_most_in_at_most_four_round_steps(most: int) -> None:
    step = nice_step(most)
    assert step * 4 >= most
    assert re.fullmatch(r"[125]0*", str(step))
    assert most <= 4 or step * 4 <= most * 5


def test_a_mark_has_no_more_decimals_than_it_needs() -> None:
    assert [scale(each) for each in (0, 500_000, 2_000_000, 1_500_000_000, 1)] == [
        "$0", "$0.5", "$2", "$1,500", "$0.000001",
    ]  # fmt: skip


def test_a_meter_is_as_long_as_its_part() -> None:
    assert 'width="250"' in meter(1, 4)
    assert 'width="1"' in meter(1, 10**9)
    assert 'width="0"' in meter(0, 0)


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=5))
def test_parts_fill_the_bar_and_are_told_as_numbers(numbers: list[int]) -> None:
    drawn = parts_of([("answered", f"p{place}", number) for place, number in enumerate(numbers)])
    svg = ET.fromstring(drawn.partition("<ul")[0])  # noqa: S314 - of our own making
    ends = [int(each.attrib["x"]) + int(each.attrib["width"]) for each in svg.iter("rect")]
    assert ends == [] or 1000 <= ends[-1] <= 1001
    assert len(ends) == sum(1 for number in numbers if number)
    for place, number in enumerate(numbers):
        assert f"p{place} <b>{number:,}</b>" in drawn
