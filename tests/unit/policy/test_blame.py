"""What a record says about its deployment; ``tests/e2e/test_health.py`` has the real Envoy's records."""

import pytest

from extproc.model.health import Trouble
from extproc.policy.blame import judge_attempt, judge_delivery
from extproc.policy.health import Judgement, Verdict
from tests.contracts.health_fleet import attempt_of, context_of, delivery_of

BAD, NOBODYS = Judgement.BAD, Judgement.NOBODYS


@pytest.mark.parametrize(
    ("flags", "status", "expected"),
    [
        ("UF", 0, Verdict(BAD)),
        ("UC", 0, Verdict(BAD)),
        ("UT", 0, Verdict(BAD)),
        ("UPE", 0, Verdict(BAD)),
        ("UPE", 200, Verdict(BAD, is_last=True)),
        ("UO", 0, Verdict(NOBODYS, is_last=True)),
        ("UT,DC", 0, None),
        ("DC", 200, None),
        ("", 0, None),
        ("", 200, None),
        ("", 502, None),
    ],
)
def test_envoys_record_blames_for_the_transport_alone(flags: str, status: int, expected: Verdict | None) -> None:
    assert judge_attempt(attempt_of("x", flags, status=status), 0.5) == expected


@pytest.mark.parametrize(
    ("failure", "status", "expected"),
    [
        ("upstream_error", 503, Verdict(BAD)),
        ("upstream_invalid_response", 200, Verdict(BAD)),
        ("upstream_timeout", 200, Verdict(BAD)),
        ("upstream_response_too_large", 200, Verdict(BAD)),
        ("upstream_rate_limited", 429, Verdict(BAD, Trouble.RATE_LIMITED, 7.0)),
        ("upstream_rejected", 401, Verdict(BAD, Trouble.REJECTED, is_credential=True)),
        ("upstream_rejected", 403, Verdict(BAD, Trouble.REJECTED, is_credential=True)),
        ("upstream_rejected", 404, Verdict(BAD, Trouble.REJECTED)),
        ("upstream_rejected", 400, Verdict(BAD, Trouble.REJECTED)),
        ("upstream_rejected", 413, Verdict(NOBODYS)),
        ("context_length_exceeded", 400, Verdict(NOBODYS)),
        ("content_filter", 400, Verdict(NOBODYS, is_last=True)),
        ("invalid_request", 400, Verdict(NOBODYS, is_last=True)),
        ("completion_blocked", 200, Verdict(NOBODYS, is_last=True)),
        ("scanner_unavailable", 200, Verdict(NOBODYS, is_last=True)),
        ("", 200, None),
    ],
)
def test_deliverys_record_blames_for_what_was_answered(failure: str, status: int, expected: Verdict | None) -> None:
    assert (
        judge_delivery(delivery_of(context_of("x"), failure=failure, status=status, retry_after_s=7.0), 0.5) == expected
    )


def test_a_failure_after_the_first_byte_counts_and_ends_the_exchange() -> None:
    record = delivery_of(context_of("x"), failure="upstream_error", judged_bytes=1)
    assert judge_delivery(record, 0.5) == Verdict(BAD, is_last=True)


def test_a_whole_answer_is_a_success_with_its_time_to_the_first_token() -> None:
    record = delivery_of(context_of("x"), is_complete=True, first_token_s=0.25)
    assert judge_delivery(record, 0.5) == Verdict(Judgement.OK, first_token_s=0.25, is_last=True)
