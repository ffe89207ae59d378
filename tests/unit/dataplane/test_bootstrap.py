from typing import Any

from extproc.dataplane.bootstrap import SIDE_STREAM_FLOW_CONTROL
from tests.unit.dataplane.samples import built


def bootstrap(more: str = "") -> dict[str, Any]:
    found: dict[str, Any] = built(more=more)["bootstrap.json"]
    return found


def test_everything_but_the_admin_interface_comes_from_files_that_are_swapped_together() -> None:
    found = bootstrap()
    assert set(found["dynamic_resources"]) == {"cds_config", "lds_config"}
    for source in found["dynamic_resources"].values():
        assert source["path_config_source"]["watched_directory"] == {"path": "/etc/envoy/xds"}
    assert "static_resources" not in found


def test_envoy_turns_new_work_away_before_it_stops_answering_at_all() -> None:
    manager = bootstrap()["overload_manager"]
    at = {each["name"].rpartition(".")[2]: each["triggers"][0]["threshold"]["value"] for each in manager["actions"]}
    assert (
        at["shrink_heap"]
        < at["disable_http_keepalive"]
        < at["stop_accepting_requests"]
        < at["stop_accepting_connections"]
        < 1
    )
    monitors = {each["name"] for each in manager["resource_monitors"]}
    assert {trigger["name"] for each in manager["actions"] for trigger in each["triggers"]} <= monitors


def test_memory_and_connections_are_bounded_by_gateway_yaml() -> None:
    found = bootstrap("limits: {max_heap_bytes: 268435456, max_connections: 17}")
    heap, connections = (each["typed_config"] for each in found["overload_manager"]["resource_monitors"])
    assert heap["max_heap_size_bytes"] == 268_435_456
    assert connections["max_active_downstream_connections"] == 17


def test_the_admin_interface_can_be_reached_when_all_connections_are_taken() -> None:
    assert bootstrap()["admin"]["ignore_global_conn_limit"] is True
    assert bootstrap()["admin"]["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 9901}


def test_the_switch_that_keeps_envoy_alive_is_off() -> None:
    (layer,) = bootstrap()["layered_runtime"]["layers"]
    assert layer["static_layer"] == {SIDE_STREAM_FLOW_CONTROL: False}
