"""What a worker exports, and what is looked at for it; ``tests/e2e/test_metrics.py`` runs it behind Envoy."""

from collections.abc import Callable
from pathlib import Path

import pytest

from extproc.adapters.alert_webhook import AlertWebhook
from extproc.adapters.ledger_spool import LedgerSpool
from extproc.adapters.ledger_tables import LedgerTables
from extproc.adapters.memory import MemoryClock
from extproc.adapters.memory_metrics import MemoryMeter, NoMeter
from extproc.adapters.postgres_ledger import PostgresLedger
from extproc.adapters.postgres_pool import open_pool
from extproc.adapters.settler import Settler
from extproc.bootstrap_metrics import open_metrics, watch_deployments, watch_money
from extproc.config.environment import EnvironmentInvalid
from extproc.config.gateway import parse
from extproc.model.credentials import Source
from extproc.model.limits import Outage
from extproc.model.metrics import (
    CREDENTIAL_AGE_SECONDS,
    CREDENTIAL_LEFT_SECONDS,
    LEDGER_FULL,
    LEDGER_SPOOL_BYTES,
    LEDGER_SPOOL_ROWS,
    LEDGER_UNWRITTEN,
    OWED_EXCHANGES,
    OWED_MICRO_USD,
    RETIREMENT_DAYS,
    SETTLEMENTS_WAITING,
)
from extproc.model.vault_state import SourceState, VaultState
from extproc.policy.allowance import Allowances
from tests.otlp_sink import Sink, serving_http
from tests.unit.adapters.test_metered import ROW
from tests.unit.policy.test_allowance import claim

GATEWAY = """
deployments:
  - {name: a, base_url: "https://a.example/v1", upstream_model: m, credential: {path: providers/a}}
  - {name: b, base_url: "https://b.example/v1", upstream_model: m, retires_on: 2026-12-01}
models: [{name: m, deployments: [a, b]}]
"""
DAY_S = 86_400.0


async def test_without_an_endpoint_nothing_is_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    for variables in ({}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"}):
        async with open_metrics(variables, 0) as meter:
            assert isinstance(meter, NoMeter)


async def test_what_a_worker_counts_to_its_very_end_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving_http(Sink()) as sink:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.url, "OTEL_METRIC_EXPORT_INTERVAL": "600000"}
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        async with open_metrics(variables, 0) as meter:
            meter.watch(LEDGER_SPOOL_ROWS, lambda: [(9, {})])
        assert sink.total("gateway_ledger_spool_rows") == 9


async def test_a_setting_that_cannot_be_followed_keeps_a_worker_from_starting() -> None:
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}
    with pytest.raises(EnvironmentInvalid, match="OTEL_EXPORTER_OTLP_PROTOCOL"):
        async with open_metrics(variables, 0):
            pass


async def test_what_waits_on_its_way_to_postgres_and_redis_is_seen(tmp_path: Path) -> None:
    meter, clock = MemoryMeter(), MemoryClock()
    spool = LedgerSpool(tmp_path, most_bytes=2000)
    async with open_pool("postgresql:///x?host=/nowhere", most_connections=1) as pool:
        ledger = PostgresLedger(LedgerTables(pool), spool)
        settler = Settler(None, ledger, clock, lambda *_: None)  # type: ignore[arg-type]
        allowances = Allowances()
        watch_money(meter, ledger, spool, settler, AlertWebhook(lambda: None, clock), allowances)
        assert (meter.read(OWED_EXCHANGES), meter.read(OWED_MICRO_USD)) == ({(): 0}, {(): 0})
        allowances.take(claim(70), Outage(is_open=True, allowance_micro_usd=100, allowance_requests=2))
        assert (meter.read(OWED_EXCHANGES), meter.read(OWED_MICRO_USD)) == ({(): 1}, {(): 70})
        assert (meter.read(LEDGER_UNWRITTEN), meter.read(LEDGER_FULL)) == ({(): 0}, {(): 0})
        spool.write([ROW, ROW])
        ledger.append(ROW)
        assert (meter.read(LEDGER_UNWRITTEN), meter.read(LEDGER_SPOOL_ROWS)) == ({(): 3}, {(): 2})
        assert meter.read(LEDGER_SPOOL_BYTES)[()] == spool.size_bytes > 0
        spool._most_bytes = spool.size_bytes
        assert meter.read(LEDGER_FULL) == {(): 1}
        assert meter.read(SETTLEMENTS_WAITING) == {(): 0}
    spool.close()


def _watched(index: int, now_s: float, *sources: SourceState) -> MemoryMeter:
    meter, clock = MemoryMeter(), MemoryClock(now_s)
    catalog = parse(GATEWAY, "x").catalog
    state: Callable[[], VaultState] = lambda: VaultState(now_s, None, None, sources)  # noqa: E731
    watch_deployments(meter, lambda: catalog, state, clock, index)
    return meter


def test_the_first_worker_tells_the_days_until_a_deployment_retires() -> None:
    first_of_november = 1_793_491_200.0
    assert _watched(0, first_of_november).read(RETIREMENT_DAYS) == {("b",): 30}
    assert _watched(0, first_of_november + 40 * DAY_S).read(RETIREMENT_DAYS) == {("b",): -10}
    assert RETIREMENT_DAYS.name not in _watched(1, first_of_november).watched


def test_a_credentials_age_and_what_is_left_of_it_are_seen_by_deployment() -> None:
    source = Source("providers/a")
    fresh = _watched(0, 1000.0, SourceState(source, 900.0, None, 1300.0, False, ""))
    assert fresh.read(CREDENTIAL_AGE_SECONDS) == {("a",): 100}
    assert fresh.read(CREDENTIAL_LEFT_SECONDS) == {("a",): 300}
    never = _watched(0, 1000.0, SourceState(source, None, None, None, False, "away"))
    assert never.read(CREDENTIAL_AGE_SECONDS) == {}
    assert never.read(CREDENTIAL_LEFT_SECONDS) == {("a",): 0}
