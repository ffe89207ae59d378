"""Of which attempts a provider may send a bill."""

from dataclasses import replace

import pytest

from extproc.model.exchange import Outcome
from extproc.policy.billable import is_free, is_refusal, is_unsent, may_be_billed
from tests.unit.policy.test_closing import FINISHED


@pytest.mark.parametrize(
    ("status", "flags", "is_sure_to_be_free", "is_billable"),
    [
        (200, "", False, True),
        (504, "UT", False, True),
        (504, "", False, True),
        (503, "UC", False, True),
        (503, "UF,URX", True, False),
        (503, "UO", True, False),
        (503, "UH", True, False),
        (429, "", True, False),
        (408, "", False, False),
        (500, "", False, False),
        (502, "", False, False),
    ],
)
def test_what_envoys_word_alone_makes_certain(
    status: int, flags: str, *, is_sure_to_be_free: bool, is_billable: bool
) -> None:
    record = replace(FINISHED, status=status, flags=flags)
    assert (is_free(record), may_be_billed(record)) == (is_sure_to_be_free, is_billable)


def test_whoever_left_or_was_answered_had_something_sent() -> None:
    for outcome in (Outcome.ANSWERED, Outcome.ABANDONED):
        assert may_be_billed(replace(FINISHED, outcome=outcome, status=0))


def test_a_proxy_that_gave_up_refused_nothing() -> None:
    assert [status for status in (200, 400, 408, 429, 500, 503, 504, 524, 529) if is_refusal(status)] == [
        400,
        429,
        500,
        503,
        529,
    ]


def test_flags_are_read_one_by_one() -> None:
    assert is_unsent("UF")
    assert is_unsent("URX,UF")
    assert not is_unsent("UT,URX")
    assert not is_unsent("")
