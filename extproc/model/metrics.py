"""Everything that is counted and measured: a name, a unit, and labels that take few values each.

A name ends in its unit, or in ``_total`` where it only grows. Labels have no ids of keys, users or exchanges: what is
asked for by those is in the ledger. ``policy.ports.Meter`` takes the numbers; docs/metrics.md has the same table.
"""

from dataclasses import dataclass
from enum import StrEnum

_MILLIS_TO_MINUTES = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


class Shape(StrEnum):
    """What kind of number it is."""

    COUNTER = "counter"
    """Only grows while a worker lives; workers' are added up."""
    GAUGE = "gauge"
    """As it is now."""
    HISTOGRAM = "histogram"
    """How often it was how much."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One name, and what its numbers mean."""

    name: str
    shape: Shape
    unit: str
    """As UCUM writes it; braces for what is merely counted."""
    about: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    """Of a histogram's buckets, in its unit."""


EXCHANGES = Metric(
    "gateway_exchanges_total",
    Shape.COUNTER,
    "{exchange}",
    "Requests that ended, by how they did.",
    ("outcome", "surface", "operation"),
)
EXCHANGE_SECONDS = Metric(
    "gateway_exchange_duration_seconds",
    Shape.HISTOGRAM,
    "s",
    "From a request's first byte to its answer's last.",
    ("outcome", "operation"),
    _MILLIS_TO_MINUTES,
)
REFUSALS = Metric(
    "gateway_refusals_total",
    Shape.COUNTER,
    "{exchange}",
    "Requests that the gateway answered with an error of its own, by its code.",
    ("code",),
)
ATTEMPTS = Metric(
    "gateway_attempts_total",
    Shape.COUNTER,
    "{attempt}",
    "Requests sent to a deployment, by what came of them.",
    ("deployment", "result"),
)
ATTEMPT_SECONDS = Metric(
    "gateway_attempt_duration_seconds",
    Shape.HISTOGRAM,
    "s",
    "How long an attempt took, to its end.",
    ("deployment",),
    _MILLIS_TO_MINUTES,
)
FIRST_TOKEN_SECONDS = Metric(
    "gateway_first_token_seconds",
    Shape.HISTOGRAM,
    "s",
    "From sending off to the first judged byte, of first attempts.",
    ("deployment",),
    _MILLIS_TO_MINUTES,
)
FAILED_DELIVERIES = Metric(
    "gateway_failed_deliveries_total",
    Shape.COUNTER,
    "{attempt}",
    "Attempts whose answer was no good, by the code a client would have seen.",
    ("deployment", "code"),
)
VERDICTS = Metric(
    "gateway_guard_verdicts_total",
    Shape.COUNTER,
    "{verdict}",
    "What each scanner of the firewall came to.",
    ("scanner", "direction", "result"),
)
SCAN_SECONDS = Metric(
    "gateway_guard_scan_duration_seconds",
    Shape.HISTOGRAM,
    "s",
    "How long a scanner took with all it was given of one exchange in one direction.",
    ("scanner", "direction"),
    (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0),
)
CACHE_LOOKUPS = Metric(
    "gateway_cache_lookups_total",
    Shape.COUNTER,
    "{lookup}",
    "Requests of which an answer might be remembered, by what came of looking.",
    ("tier", "result"),
)
CACHE_SAVED = Metric(
    "gateway_cache_saved_micro_usd_total",
    Shape.COUNTER,
    "{micro_usd}",
    "What remembered answers had cost, in millionths of a dollar, each time that one was given.",
    ("model",),
)
CACHE_DROPPED = Metric(
    "gateway_cache_dropped_answers_total",
    Shape.COUNTER,
    "{answer}",
    "Answers that were not remembered because too many waited or the memory could not be asked.",
)
TOKENS = Metric(
    "gateway_tokens_total",
    Shape.COUNTER,
    "{token}",
    "Tokens of settled exchanges; cached is within input, reasoning within output.",
    ("model", "deployment", "kind"),
)
COST = Metric(
    "gateway_cost_micro_usd_total",
    Shape.COUNTER,
    "{micro_usd}",
    "What settled exchanges cost, in millionths of a dollar.",
    ("model", "deployment"),
)
FLAGGED = Metric(
    "gateway_flagged_exchanges_total",
    Shape.COUNTER,
    "{exchange}",
    "Settled exchanges about whose figures something is to be known.",
    ("flag",),
)
BUDGET_ALERTS = Metric(
    "gateway_budget_alerts_total",
    Shape.COUNTER,
    "{alert}",
    "Shares of budgets that were reached, once a window each, by whose budget it is.",
    ("level", "percent"),
)
ALERTS_DROPPED = Metric(
    "gateway_budget_alerts_dropped_total", Shape.COUNTER, "{alert}", "Alerts that the webhook was not told of."
)
OWED_EXCHANGES = Metric(
    "gateway_owed_exchanges",
    Shape.GAUGE,
    "{exchange}",
    "Let through while Redis could not be asked, in an outage that is not known to be over.",
)
OWED_MICRO_USD = Metric(
    "gateway_owed_micro_usd", Shape.GAUGE, "{micro_usd}", "The most that those cost, in millionths of a dollar."
)
SETTLEMENTS_WAITING = Metric(
    "gateway_settlements_waiting_exchanges", Shape.GAUGE, "{exchange}", "Charges that wait for Redis."
)
SETTLEMENTS_DROPPED = Metric(
    "gateway_settlements_dropped_total",
    Shape.COUNTER,
    "{exchange}",
    "Charges given up because too many waited; their rows are in the ledger.",
)
LEDGER_UNWRITTEN = Metric(
    "gateway_ledger_unwritten_rows", Shape.GAUGE, "{row}", "Rows of the ledger that Postgres is not known to have."
)
LEDGER_SPOOL_ROWS = Metric(
    "gateway_ledger_spool_rows", Shape.GAUGE, "{row}", "Of those, the ones in files on the disk."
)
LEDGER_SPOOL_BYTES = Metric("gateway_ledger_spool_bytes", Shape.GAUGE, "By", "The size of those files.")
LEDGER_FULL = Metric(
    "gateway_ledger_full_ratio", Shape.GAUGE, "1", "1 while there is no place for rows and nothing new is let in."
)
LEDGER_LOST = Metric(
    "gateway_ledger_rows_lost_total", Shape.COUNTER, "{row}", "Rows that were lost; each one is in the log."
)
RETIREMENT_DAYS = Metric(
    "gateway_deployment_retirement_days",
    Shape.GAUGE,
    "d",
    "Until the last day of a deployment that has retires_on; below 0 after it.",
    ("deployment",),
)
CREDENTIAL_AGE_SECONDS = Metric(
    "gateway_credential_age_seconds",
    Shape.GAUGE,
    "s",
    "Since the vault last confirmed a deployment's credential.",
    ("deployment",),
)
CREDENTIAL_LEFT_SECONDS = Metric(
    "gateway_credential_left_seconds",
    Shape.GAUGE,
    "s",
    "How long a deployment's credential is given out if nothing more is heard; 0: not any more.",
    ("deployment",),
)
EXPORTS_FAILED = Metric(
    "gateway_failed_exports_total", Shape.COUNTER, "{export}", "Exports of metrics that did not arrive."
)
POINTS_DROPPED = Metric(
    "gateway_dropped_points_total",
    Shape.COUNTER,
    "{point}",
    "Numbers within those; made up for by the next export where sums are cumulative.",
)

METRICS = (
    EXCHANGES,
    EXCHANGE_SECONDS,
    REFUSALS,
    ATTEMPTS,
    ATTEMPT_SECONDS,
    FIRST_TOKEN_SECONDS,
    FAILED_DELIVERIES,
    VERDICTS,
    SCAN_SECONDS,
    CACHE_LOOKUPS,
    CACHE_SAVED,
    CACHE_DROPPED,
    TOKENS,
    COST,
    FLAGGED,
    BUDGET_ALERTS,
    ALERTS_DROPPED,
    OWED_EXCHANGES,
    OWED_MICRO_USD,
    SETTLEMENTS_WAITING,
    SETTLEMENTS_DROPPED,
    LEDGER_UNWRITTEN,
    LEDGER_SPOOL_ROWS,
    LEDGER_SPOOL_BYTES,
    LEDGER_FULL,
    LEDGER_LOST,
    RETIREMENT_DAYS,
    CREDENTIAL_AGE_SECONDS,
    CREDENTIAL_LEFT_SECONDS,
    EXPORTS_FAILED,
    POINTS_DROPPED,
)
"""All of them. Whoever adds one adds it here, and a line to docs/metrics.md."""
