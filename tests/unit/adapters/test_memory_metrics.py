import pytest

from extproc.adapters.memory_metrics import MemoryMeter, NoMeter
from extproc.model.metrics import ATTEMPT_SECONDS, ATTEMPTS, LEDGER_SPOOL_ROWS


def test_what_is_added_is_found_by_the_values_of_its_labels() -> None:
    meter = MemoryMeter()
    meter.add(ATTEMPTS, deployment="d", result="answered")
    meter.add(ATTEMPTS, 2, result="answered", deployment="d")
    meter.add(ATTEMPTS, deployment="d")
    meter.record(ATTEMPT_SECONDS, 0.5, deployment="d")
    assert meter.sum(ATTEMPTS, "d", "answered") == 3
    assert meter.sum(ATTEMPTS, "d", "") == 1
    assert meter.values["gateway_attempt_duration_seconds", ("d",)] == [0.5]


def test_what_is_watched_is_read_when_somebody_asks() -> None:
    meter = MemoryMeter()
    rows = [1]
    meter.watch(LEDGER_SPOOL_ROWS, lambda: [(rows[0], {})])
    rows[0] = 5
    assert meter.read(LEDGER_SPOOL_ROWS) == {(): 5}


def test_a_label_that_a_metric_does_not_have_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="key"):
        MemoryMeter().add(ATTEMPTS, deployment="d", key="key_1")


def test_the_meter_that_takes_nothing_asks_nobody() -> None:
    def never() -> list[object]:
        raise AssertionError("asked")

    meter = NoMeter()
    meter.add(ATTEMPTS)
    meter.record(ATTEMPT_SECONDS, 1)
    meter.watch(LEDGER_SPOOL_ROWS, never)  # type: ignore[arg-type]
