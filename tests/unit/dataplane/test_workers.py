"""The clusters of our own: how a worker is found sick, and that nothing of Envoy's defaults stands in the way."""

from typing import Any

import pytest

from extproc.model import seams
from tests.unit.dataplane.samples import built, cluster

OURS = (seams.EXTPROC_CLUSTER, seams.JOURNAL_CLUSTER)


def found(name: str, more: str = "") -> dict[str, Any]:
    return cluster(built(more=more), name)


@pytest.mark.parametrize("name", OURS)
def test_open_exchanges_are_not_bounded_by_envoys_defaults(name: str) -> None:
    (threshold,) = found(name)["circuit_breakers"]["thresholds"]
    assert set(threshold) == {"max_connections", "max_pending_requests", "max_requests", "max_retries"}
    assert min(threshold.values()) >= 1_000_000


@pytest.mark.parametrize("name", OURS)
def test_a_dead_worker_is_never_taken_for_an_idle_one(name: str) -> None:
    assert found(name)["lb_policy"] == "ROUND_ROBIN"
    assert found(name)["common_lb_config"] == {"healthy_panic_threshold": {"value": 0}}


def test_only_a_connection_that_fails_puts_a_worker_out_and_soon_lets_it_back() -> None:
    outliers = found(seams.EXTPROC_CLUSTER)["outlier_detection"]
    assert outliers["consecutive_local_origin_failure"] == 1
    enforced = {key for key, value in outliers.items() if key.startswith("enforcing_") and value}
    assert enforced == {"enforcing_consecutive_local_origin_failure"}
    assert outliers["max_ejection_percent"] == 100
    assert outliers["max_ejection_time"] == "2s"


def test_no_worker_is_ever_out_for_the_journal_so_that_it_is_tried_again_while_all_are_gone() -> None:
    assert "outlier_detection" not in found(seams.JOURNAL_CLUSTER)


def test_the_doors_workers_are_asked_how_they_are_and_the_journals_are_not() -> None:
    (check,) = found(seams.EXTPROC_CLUSTER)["health_checks"]
    assert check["grpc_health_check"] == {}
    assert (check["interval"], check["no_traffic_interval"]) == ("0.5s", "0.5s")
    # A worker that is stopped for a moment keeps its streams; it is out only after this.
    assert check["timeout"] == "10s"
    assert "health_checks" not in found(seams.JOURNAL_CLUSTER)


@pytest.mark.parametrize("name", OURS)
def test_there_is_an_endpoint_for_every_worker(name: str) -> None:
    (group,) = found(name, "workers: 3")["load_assignment"]["endpoints"]
    paths = [each["endpoint"]["address"]["pipe"]["path"] for each in group["lb_endpoints"]]
    assert paths == [f"/run/extproc/worker-{index}.sock" for index in range(3)]


def test_what_was_not_decided_goes_nowhere() -> None:
    assert "load_assignment" not in found(seams.DENY_CLUSTER)
    assert found(seams.DENY_CLUSTER)["type"] == "STATIC"
