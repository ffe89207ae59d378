"""What a record says about the deployment: did it work, did it fail, or is it none of its doing.

Seen on Envoy 1.40 with every fault of ``tests/e2e/test_health.py``. Both records are about one attempt, so the first
verdict counts (``policy.flights``).

    what happened                                   Envoy's attempt      delivery's record        verdict
    no connection, name not resolved                0  UF, DF            none                     bad
    reset before an answer, half a plain body       0  UC, UPE, UR       none, or 200 cut off     bad
    no answer in time, 200 and then silence         0  UT                none, or 200 cut off     bad
    cut after the first byte                        200  UPE, UC         200 cut off              bad
    5xx, unreadable, too large, an error event      502, or 200          upstream_error …         bad
    silence after the first byte                    200                  upstream_timeout         bad
    429                                             429                  upstream_rate_limited    bad: rate limited
    401, 402, 403, 404; a 400 about the account     502                  upstream_rejected        bad: rejected
    405, 413, 415: how one request was put          502                  upstream_rejected        nobody's
    the caller's mistake, too long, filtered        0, or 400            invalid_request …        nobody's
    Envoy's own limit of connections                0  UO                none                     nobody's
    policy let its answer go no further             200                  completion_blocked …     nobody's, or ok
    the client left                                 0, or 200            none, or 200 cut off     none
    a worker of ours failed or was killed           0, or 200            none, or 200 cut off     none
    a whole answer                                  200                  complete                 ok

A worker that hangs while it holds the headers looks to Envoy as a silent provider does (UT), and is counted as one.
"""

from extproc.model.exchange import AttemptRecord, DeliveryRecord
from extproc.model.health import Trouble
from extproc.model.refusals import (
    COMPLETION_BLOCKED,
    CONTENT_FILTER,
    INVALID_REQUEST,
    SCANNER_UNAVAILABLE,
    UPSTREAM_ERROR,
    UPSTREAM_INVALID,
    UPSTREAM_RATE_LIMITED,
    UPSTREAM_REJECTED,
    UPSTREAM_TIMEOUT,
    UPSTREAM_TOO_LARGE,
)
from extproc.policy.health import Judgement, Verdict

# Envoy 1.40, "Response flags": connect failure, termination, remote reset, timeout, protocol error, longest duration,
# name not resolved.
_PROVIDERS = frozenset({"UF", "UC", "UR", "UT", "UPE", "UMSDR", "DF"})
_CLIENTS = frozenset({"DC", "DR", "DPE"})
_OVERFLOW = "UO"

_FAILURES = frozenset(kind.code for kind in (UPSTREAM_ERROR, UPSTREAM_INVALID, UPSTREAM_TIMEOUT, UPSTREAM_TOO_LARGE))
_OF_THE_ACCOUNT = frozenset({400, 401, 402, 403, 404})
_OF_THE_CREDENTIAL = frozenset({401, 403})
"""AWS says 403 of a token that has expired."""

_FINAL = frozenset(kind.code for kind in (INVALID_REQUEST, CONTENT_FILTER, COMPLETION_BLOCKED, SCANNER_UNAVAILABLE))
"""No other deployment is asked: it would say the same, or it is ours to say."""


def judge_attempt(record: AttemptRecord, draw: float) -> Verdict | None:
    """The verdict of Envoy's record; None: it leaves that to delivery, or there is none.

    Args:
        record: an attempt that ended.
        draw: in [0, 1); spreads the cooldown that may follow.
    """
    flags = set(record.flags.split(","))
    if flags & _CLIENTS:
        return None
    if flags & _PROVIDERS:
        # With a status the headers were released: nobody else can be asked.
        return Verdict(Judgement.BAD, draw=draw, is_last=record.status != 0)
    # Envoy never tries another cluster after its own limit.
    return Verdict(Judgement.NOBODYS, is_last=True) if _OVERFLOW in flags else None


def judge_delivery(record: DeliveryRecord, draw: float) -> Verdict | None:
    """The verdict of delivery's record; None: it was cut off from outside, and only Envoy knows why."""
    if record.is_complete:
        return Verdict(Judgement.OK, first_token_s=record.first_token_s, is_last=True)
    is_last = record.judged_bytes > 0 or record.failure in _FINAL
    match record.failure:
        case "":
            return None
        case UPSTREAM_RATE_LIMITED.code:
            return Verdict(Judgement.BAD, Trouble.RATE_LIMITED, record.retry_after_s, draw=draw, is_last=is_last)
        case UPSTREAM_REJECTED.code if record.status in _OF_THE_ACCOUNT:
            is_credential = record.status in _OF_THE_CREDENTIAL
            return Verdict(Judgement.BAD, Trouble.REJECTED, is_credential=is_credential, draw=draw, is_last=is_last)
        case failure if failure in _FAILURES:
            return Verdict(Judgement.BAD, draw=draw, is_last=is_last)
        case _:
            return Verdict(Judgement.NOBODYS, is_last=is_last)
