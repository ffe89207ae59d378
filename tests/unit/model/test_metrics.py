"""Names of metrics: what whoever draws them may rely on."""

import re

import pytest

from extproc.model import metrics
from extproc.model.metrics import METRICS, Metric, Shape

UNITS = {
    "s": "seconds",
    "d": "days",
    "By": "bytes",
    "1": "ratio",
    "{row}": "rows",
    "{exchange}": "exchanges",
    "{micro_usd}": "micro_usd",
}
IDS = ("key", "user", "exchange", "request", "organisation", "team", "project", "budget", "id")


@pytest.mark.parametrize("metric", METRICS, ids=lambda each: each.name)
def test_a_name_ends_in_its_unit_or_in_total_where_it_only_grows(metric: Metric) -> None:
    assert re.fullmatch(r"gateway_[a-z_]+", metric.name)
    ending = "total" if metric.shape is Shape.COUNTER else UNITS[metric.unit]
    assert metric.name.endswith(f"_{ending}")
    assert (metric.shape is Shape.HISTOGRAM) == bool(metric.bounds)


@pytest.mark.parametrize("metric", METRICS, ids=lambda each: each.name)
def test_no_label_is_an_id(metric: Metric) -> None:
    assert not set(metric.labels) & set(IDS)
    assert not any(label.endswith("_id") for label in metric.labels)


def test_every_metric_is_listed_once() -> None:
    declared = [each for each in vars(metrics).values() if isinstance(each, Metric)]
    assert sorted(each.name for each in METRICS) == sorted({each.name for each in declared})
    assert len(METRICS) == len(declared)
