"""The part of the composition root that opens metrics for a worker, and says what is looked at when they are sent."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime

from extproc import __version__
from extproc.adapters.alert_webhook import AlertWebhook
from extproc.adapters.ledger_spool import LedgerSpool
from extproc.adapters.memory_metrics import NoMeter
from extproc.adapters.postgres_ledger import PostgresLedger
from extproc.adapters.settler import Settler
from extproc.config.environment import EnvironmentInvalid
from extproc.model.catalog import Catalog
from extproc.model.dialects import credential_refs
from extproc.model.metrics import (
    ALERTS_DROPPED,
    CREDENTIAL_AGE_SECONDS,
    CREDENTIAL_LEFT_SECONDS,
    LEDGER_FULL,
    LEDGER_LOST,
    LEDGER_SPOOL_BYTES,
    LEDGER_SPOOL_ROWS,
    LEDGER_UNWRITTEN,
    OWED_EXCHANGES,
    OWED_MICRO_USD,
    RETIREMENT_DAYS,
    SETTLEMENTS_DROPPED,
    SETTLEMENTS_WAITING,
)
from extproc.model.vault_state import SourceState, VaultState
from extproc.policy.allowance import Allowances
from extproc.policy.meter_port import Meter, Reading
from extproc.policy.ports import Clock

_FAREWELL_S = 2.0


@contextlib.asynccontextmanager
async def open_metrics(variables: Mapping[str, str], index: int) -> AsyncIterator[Meter]:
    """Where a worker's numbers go: to the endpoint that OpenTelemetry's variables name, or nowhere.

    Raises:
        EnvironmentInvalid: one of them cannot be followed.
    """
    names = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")
    if not any(variables.get(name, "").strip() for name in names):
        yield NoMeter()
        return
    # 30 MB and 0.1 s that nobody pays who exports nothing.
    from extproc.adapters.otel_metrics import OtelMetrics, SettingInvalid, is_wanted  # noqa: PLC0415

    if not is_wanted(variables):
        yield NoMeter()
        return
    try:
        metrics = OtelMetrics(variables, index, __version__)
    except SettingInvalid as problem:
        raise EnvironmentInvalid(str(problem)) from None
    try:
        yield metrics
    finally:
        await asyncio.to_thread(metrics.close, _FAREWELL_S)


def watch_money(
    meter: Meter,
    ledger: PostgresLedger,
    spool: LedgerSpool,
    settler: Settler,
    alerts: AlertWebhook,
    allowances: Allowances,
) -> None:
    """Look at what waits on its way to Postgres and Redis, at what is owed, and at what was given up."""
    meter.watch(OWED_MICRO_USD, lambda: [(allowances.owed[0], {})])
    meter.watch(OWED_EXCHANGES, lambda: [(allowances.owed[1], {})])
    meter.watch(LEDGER_UNWRITTEN, lambda: [(ledger.unwritten, {})])
    meter.watch(LEDGER_SPOOL_ROWS, lambda: [(spool.rows, {})])
    meter.watch(LEDGER_SPOOL_BYTES, lambda: [(spool.size_bytes, {})])
    meter.watch(LEDGER_FULL, lambda: [(int(ledger.is_full), {})])
    meter.watch(LEDGER_LOST, lambda: [(ledger.lost, {})])
    meter.watch(SETTLEMENTS_WAITING, lambda: [(settler.waiting, {})])
    meter.watch(SETTLEMENTS_DROPPED, lambda: [(settler.dropped, {})])
    meter.watch(ALERTS_DROPPED, lambda: [(alerts.dropped, {})])


def watch_deployments(
    meter: Meter, catalog: Callable[[], Catalog], state: Callable[[], VaultState], clock: Clock, index: int
) -> None:
    """Look at how long credentials are good for, and, in the first worker, at how long deployments are."""

    def ages() -> list[Reading]:
        now_s = clock.now_s()
        return [(now_s - min(read), {"deployment": name}) for name, read, _ in _freshness(catalog(), state()) if read]

    def left() -> list[Reading]:
        now_s = clock.now_s()
        found = _freshness(catalog(), state())
        return [(max(0.0, min(until) - now_s), {"deployment": name}) for name, _, until in found if until]

    def retirements() -> list[Reading]:
        today = datetime.fromtimestamp(clock.now_s(), UTC).date()
        deployments = catalog().deployments.values()
        return [
            ((each.retires_on - today).days, {"deployment": each.name})
            for each in deployments
            if each.retires_on is not None
        ]

    meter.watch(CREDENTIAL_AGE_SECONDS, ages)
    meter.watch(CREDENTIAL_LEFT_SECONDS, left)
    if index == 0:
        meter.watch(RETIREMENT_DAYS, retirements)


def _freshness(catalog: Catalog, state: VaultState) -> list[tuple[str, list[float], list[float]]]:
    """Of each deployment with a credential: when its sources were read, and until when each is given out."""
    sources: dict[object, SourceState] = {each.source: each for each in state.sources}
    found = []
    for deployment in catalog.deployments.values():
        own = [sources[ref.source] for ref in credential_refs(deployment) if ref.source in sources]
        read = [each.read_at_s for each in own if each.read_at_s is not None]
        until = [0.0 if each.usable_until_s is None else each.usable_until_s for each in own]
        found.append((str(deployment.name), read, until))
    return found
