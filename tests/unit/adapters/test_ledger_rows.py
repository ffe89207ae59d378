"""Rows of the ledger as JSON."""

import json
from dataclasses import fields

import pytest
from hypothesis import given

from extproc.adapters.ledger_rows import find_flaw, read_row, write_row
from extproc.model.ledger import LedgerRow
from tests.contracts.test_ledger import row, rows


@given(rows)
def test_a_row_is_read_as_it_was_written(written: LedgerRow) -> None:
    assert read_row(json.loads(json.dumps(write_row(written)))) == written


def test_every_field_is_written() -> None:
    # The usage has seven columns in place of its one field.
    assert len(write_row(row())) == len(fields(LedgerRow)) + 6


def test_a_row_that_can_be_written_nowhere_is_found() -> None:
    assert find_flaw(row()) is None
    for time_s in (float("nan"), float("inf"), 1e30):
        assert find_flaw(row(ended_at_s=time_s)) is not None


@pytest.mark.parametrize("change", [{"outcome": "other"}, {"rank": 9}, {"charges": [{}]}, {"started_at": "now"}])
def test_what_is_no_row_is_not_read(change: dict[str, object]) -> None:
    with pytest.raises((KeyError, ValueError)):
        read_row(write_row(row()) | change)
