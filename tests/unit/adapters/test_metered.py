from dataclasses import replace

import pytest

from extproc.adapters.memory_metrics import MemoryMeter
from extproc.adapters.memory_money import MemoryLedger
from extproc.adapters.metered import BudgetAlerts, MeteredLedger, MetricsJournal, is_settled, level_of, result_of
from extproc.model.exchange import AttemptRecord, DeliveryRecord, ExchangeRecord, Outcome, Usage
from extproc.model.guard import Direction, Result, Verdict
from extproc.model.ids import DeploymentName, ExchangeId
from extproc.model.ledger import End, Flag, LedgerRow
from extproc.model.limits import Crossing, Level, Limit, LimitId, Rank, Rate, Scope, Unit
from extproc.model.metrics import (
    ATTEMPTS,
    BUDGET_ALERTS,
    COST,
    EXCHANGES,
    FAILED_DELIVERIES,
    FLAGGED,
    REFUSALS,
    SCAN_SECONDS,
    TOKENS,
    VERDICTS,
)
from extproc.model.money import MicroUsd
from extproc.policy.reserve import Limits
from extproc.policy.verdicts import write_verdict
from tests.unit.exchange.test_delivery import context

ATTEMPT = AttemptRecord(ExchangeId("x-1"), DeploymentName("d0"), 200, "", 1500)
EXCHANGE = ExchangeRecord(ExchangeId("x-1"), context(), Outcome.ANSWERED, 200, "", "via_upstream", 15, 10, 90)
ROW = LedgerRow(
    ExchangeId("x-1"), 1.0, 2.0, Rank.DELIVERY, is_final=False, outcome=End.ANSWERED, model="m", deployment="d0",
    usage=Usage(30, 12, cached_tokens=10, reasoning_tokens=2), micro_usd=MicroUsd(77), flags=(Flag.OWED,),
)  # fmt: skip


# -- exchanges and attempts -----------------------------------------------------------------------------------------


def test_exchanges_are_counted_by_how_they_ended_and_what_they_asked_in_which_dialect() -> None:
    meter = MemoryMeter()
    journal = MetricsJournal(meter)
    journal.finished(EXCHANGE)
    journal.finished(replace(EXCHANGE, context=None, outcome=Outcome.REFUSED, status=404, details="gateway:x"))
    assert meter.sum(EXCHANGES, "answered", "openai", "chat.completions") == 1
    assert meter.sum(EXCHANGES, "refused", "none", "none") == 1
    assert meter.values["gateway_exchange_duration_seconds", ("answered", "chat.completions")] == [0.015]


@pytest.mark.parametrize(
    ("status", "details", "has_context", "code"),
    [
        (429, "gateway:insufficient_quota", False, "insufficient_quota"),
        (503, "gateway:dependency_unavailable", False, "dependency_unavailable"),
        (413, "request_payload_too_large", False, "envoy_413"),
        (500, "ext_proc_error_x", False, "envoy_500"),
        (200, "gateway:answered", False, None),
        (502, "via_upstream", True, None),
    ],
)
def test_a_no_of_the_gateways_own_is_counted_by_its_code(
    status: int, details: str, has_context: bool, code: str | None
) -> None:
    meter = MemoryMeter()
    given = EXCHANGE.context if has_context else None
    MetricsJournal(meter).finished(replace(EXCHANGE, context=given, status=status, details=details))
    refused = {series: count for (name, series), count in meter.sums.items() if name == REFUSALS.name}
    assert refused == ({} if code is None else {(code,): 1})


@pytest.mark.parametrize(
    ("status", "flags", "result"),
    [
        (200, "", "answered"),
        (429, "", "rate_limited"),
        (503, "", "failed"),
        (400, "", "rejected"),
        (0, "", "cut"),
        (0, "UF,URX", "unreachable"),
        (504, "UT", "timeout"),
        (0, "UC", "cut"),
        (200, "DC", "abandoned"),
    ],
)
def test_an_attempt_is_counted_by_what_came_of_it(status: int, flags: str, result: str) -> None:
    meter = MemoryMeter()
    record = replace(ATTEMPT, status=status, flags=flags)
    assert result_of(record) == result
    MetricsJournal(meter).attempted(record)
    assert meter.sum(ATTEMPTS, "d0", result) == 1
    assert meter.values["gateway_attempt_duration_seconds", ("d0",)] == [1.5]


def test_an_answer_that_was_no_good_is_counted_by_its_code_and_the_first_token_by_its_time() -> None:
    meter = MemoryMeter()
    journal = MetricsJournal(meter)
    good = DeliveryRecord(context(), DeploymentName("d0"), Usage(3, 2), True, 100, 90, first_token_s=0.25)
    journal.delivered(good)
    journal.delivered(replace(good, failure="upstream_error", first_token_s=None))
    assert meter.sum(FAILED_DELIVERIES, "d0", "upstream_error") == 1
    assert meter.values["gateway_first_token_seconds", ("d0",)] == [0.25]
    assert len(meter.sums) == 1


# -- tokens and cost --------------------------------------------------------------------------------------------------


def test_a_settled_row_is_kept_and_its_tokens_and_cost_are_counted() -> None:
    meter, ledger = MemoryMeter(), MemoryLedger()
    MeteredLedger(ledger, meter).append(ROW)
    assert ledger.rows[ROW.exchange] == ROW
    assert meter.sum(COST, "m", "d0") == 77
    assert [meter.sum(TOKENS, "m", "d0", kind) for kind in ("input", "cached", "output", "reasoning")] == [
        30,
        10,
        12,
        2,
    ]
    assert meter.sum(FLAGGED, "owed") == 1


def test_the_journals_word_on_what_delivery_tells_is_not_counted_again() -> None:
    meter = MemoryMeter()
    ledger = MeteredLedger(MemoryLedger(), meter)
    ledger.append(ROW)
    ledger.append(replace(ROW, rank=Rank.JOURNAL, is_final=True, status=200))
    assert meter.sum(COST, "m", "d0") == 77


@pytest.mark.parametrize(
    ("rank", "is_final", "status", "expected"),
    [
        (Rank.DELIVERY, False, 200, True),
        (Rank.JOURNAL, True, 0, True),
        (Rank.JOURNAL, True, 504, True),
        (Rank.JOURNAL, True, 200, False),
        (Rank.JOURNAL, False, 0, False),
    ],
)
def test_figures_count_once(rank: Rank, is_final: bool, status: int, expected: bool) -> None:
    assert is_settled(replace(ROW, rank=rank, is_final=is_final, status=status)) is expected


@pytest.mark.parametrize("is_full", [True, False])
def test_the_ledger_behind_says_whether_it_is_full(is_full: bool) -> None:
    assert MeteredLedger(MemoryLedger(is_full=is_full), MemoryMeter()).is_full is is_full


# -- alerts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "level"),
    [
        (Scope("acme"), "organisation"),
        (Scope("acme", team="t"), "team"),
        (Scope("acme", team="t", project="p"), "project"),
        (Scope("acme", key="key_1"), "key"),
        (Scope("acme", team="t", each=Level.USER), "user"),
    ],
)
def test_an_alert_is_counted_by_whose_budget_it_is_and_by_its_share(scope: Scope, level: str) -> None:
    meter = MemoryMeter()
    limit = Rate(LimitId("b"), scope, requests_per_minute=1)
    limits: Limits = Limits().with_organisations(1, {"acme": (limit,)})
    BudgetAlerts(meter).tell(limits, "acme", Crossing(LimitId("b"), "b", 80, 8, 10, Unit.TOKENS))
    assert meter.sum(BUDGET_ALERTS, level, "80") == 1


def test_a_limit_that_is_gone_has_no_level() -> None:
    gone: Limit | None = None
    assert level_of(gone) == ""


# -- verdicts -------------------------------------------------------------------------------------------------------


def test_each_verdict_is_counted_once_whoever_tells_of_it() -> None:
    meter = MemoryMeter()
    asked = Verdict("pii", Direction.INPUT, Result.CLEAN, "v", 250)
    said = Verdict("pii", Direction.OUTPUT, Result.FAILED_OPEN, "v", 0)
    known = replace(context(), verdicts=(asked,))
    journal = MetricsJournal(meter)
    journal.delivered(DeliveryRecord(known, DeploymentName("d0"), None, True, 1, 1, verdicts=(said,)))
    journal.finished(replace(EXCHANGE, context=known))
    texts = tuple(map(write_verdict, (asked, said)))
    MeteredLedger(MemoryLedger(), meter).append(replace(ROW, verdicts=texts))
    assert meter.sum(VERDICTS, "pii", "input", "clean") == 1
    assert meter.sum(VERDICTS, "pii", "output", "failed_open") == 1
    assert meter.values[SCAN_SECONDS.name, ("pii", "input")] == [0.00025]


def test_verdicts_on_a_refused_request_are_counted_where_it_is_noted() -> None:
    meter = MemoryMeter()
    blocked = Verdict("injection", Direction.INPUT, Result.BLOCKED, "v", 100)
    row = replace(ROW, rank=Rank.JOURNAL, refusal="content_blocked", verdicts=(write_verdict(blocked),))
    MeteredLedger(MemoryLedger(), meter).append(row)
    assert meter.sum(VERDICTS, "injection", "input", "blocked") == 1
