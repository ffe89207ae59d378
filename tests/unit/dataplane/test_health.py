from typing import Any

from extproc.dataplane.health import READY_PATH
from extproc.model import seams
from tests.unit.dataplane.samples import built


def listener() -> dict[str, Any]:
    found: dict[str, Any] = built()["lds.json"]["resources"][1]
    return found


def manager() -> dict[str, Any]:
    found: dict[str, Any] = listener()["filter_chains"][0]["filters"][0]["typed_config"]
    return found


def test_readiness_can_be_asked_when_there_is_too_much_of_everything() -> None:
    assert listener()["bypass_overload_manager"] is True
    assert listener()["ignore_global_conn_limit"] is True


def test_one_healthy_worker_is_enough_and_nothing_else_is_served() -> None:
    check, router = manager()["http_filters"]
    assert check["typed_config"]["headers"] == [{"name": ":path", "string_match": {"exact": READY_PATH}}]
    assert check["typed_config"]["pass_through_mode"] is False
    assert check["typed_config"]["cluster_min_healthy_percentages"] == {seams.EXTPROC_CLUSTER: {"value": 1}}
    assert router["name"] == "envoy.filters.http.router"
    (route,) = manager()["route_config"]["virtual_hosts"][0]["routes"]
    assert route == {"match": {"prefix": "/"}, "direct_response": {"status": 404}}


def test_it_needs_no_certificate_no_host_and_no_worker() -> None:
    assert "transport_socket" not in listener()["filter_chains"][0]
    assert manager()["route_config"]["virtual_hosts"][0]["domains"] == ["*"]
    assert not [each for each in manager()["http_filters"] if "ext_proc" in each["typed_config"]["@type"]]


def test_a_slow_prober_is_let_go() -> None:
    assert {manager()[key] for key in ("request_timeout", "request_headers_timeout", "stream_idle_timeout")} == {"5s"}
