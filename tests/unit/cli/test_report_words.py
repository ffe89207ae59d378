"""How amounts and names are written."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.cli.report_words import (
    AMOUNTS,
    MOST_CHARS,
    converted,
    for_people,
    for_spreadsheet,
    in_cents,
    period_words,
    printable,
    said,
    short,
    six_decimals,
)
from extproc.model.reports import Figures
from extproc.operations.reports import By
from tests.unit.cli.reports import HOSTILE, PERIOD, euro


@given(st.integers(-(10**20), 10**20))
def test_an_amount_is_written_to_the_micro_dollar_and_reads_back(millionths: int) -> None:
    assert int(Decimal(six_decimals(millionths)).scaleb(6)) == millionths
    assert for_people(millionths).replace(",", "") == six_decimals(millionths)


@pytest.mark.parametrize(
    ("millionths", "people", "cents"),
    [
        (0, "0.000000", "0.00"),
        (1, "0.000001", "0.00"),
        (-1, "-0.000001", "0.00"),
        (4_999, "0.004999", "0.00"),
        (5_000, "0.005000", "0.01"),
        (1_234_567_890_123, "1,234,567.890123", "1,234,567.89"),
        (999_995_000, "999.995000", "1,000.00"),
    ],
)
def test_people_get_thousands_and_headlines_get_cents(millionths: int, people: str, cents: str) -> None:
    assert for_people(millionths) == people
    assert in_cents(millionths) == cents


def test_without_a_conversion_an_amount_is_itself() -> None:
    assert converted(7, None) == 7
    assert converted(1_000_000, euro()) == 920_000


def test_every_figure_has_its_column() -> None:
    values = dict(zip(Figures.__dataclass_fields__, range(1, 100), strict=False))
    assert sorted(each.of(Figures(**values)) for each in AMOUNTS) == sorted(values.values())
    assert len({each.key for each in AMOUNTS}) == len({each.title for each in AMOUNTS}) == len(AMOUNTS)


def test_a_name_is_a_path_and_tags_are_a_list() -> None:
    assert said(By.PROJECT, ("acme", "search", "ranking")) == "acme/search/ranking"
    assert said(By.TAG, ("batch", "eu")) == "batch, eu"
    assert said(By.FEATURE, ("rag",)) == "rag"
    assert said(By.MODEL, ()) == "(none)"


@given(st.text())
def test_whatever_a_name_is_it_neither_breaks_a_line_nor_steers_a_terminal(text: str) -> None:
    assert printable(text).isprintable()
    assert len(short(text)) <= MOST_CHARS + 1
    if text.isprintable():
        assert printable(text) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_no_cell_of_a_spreadsheet_begins_as_a_formula(text: str) -> None:
    cell = for_spreadsheet(text)
    assert cell.isprintable()
    assert cell.startswith("'") or cell.lstrip(" '\"")[:1] not in set("=+-@|%\uff1d\uff0b\uff0d\uff20")


def test_a_plain_cell_stays_as_it_is_and_a_formula_gets_one_mark() -> None:
    assert for_spreadsheet("gpt-5") == "gpt-5"
    assert for_spreadsheet("=1+1") == "'=1+1"
    assert for_spreadsheet(" '-x") == "' '-x"


def test_a_period_is_said_by_the_clock_of_its_zone() -> None:
    assert period_words(PERIOD) == "2026-10-23 00:00 up to 2026-11-24 00:00 (UTC)"
