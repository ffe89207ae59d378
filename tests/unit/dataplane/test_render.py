"""What the rendered files say, where the rest of the gateway relies on it."""

import json
import re
from pathlib import Path

from extproc.config.gateway import parse
from extproc.dataplane.render import render
from extproc.dataplane.target import Target
from extproc.model import seams
from tests.unit.dataplane.samples import TARGET, built, cluster, gateway, http_options, manager, route


def test_equal_gateways_give_equal_bytes_whatever_the_order_of_deployments() -> None:
    one, other = render(gateway("a", "b"), TARGET), render(gateway("b", "a"), TARGET)
    assert one == other
    assert all(
        json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n" == text
        for text in one.values()
    )


def test_a_version_changes_exactly_with_its_file() -> None:
    before, after = (
        {name: json.loads(text).get("version_info") for name, text in render(gateway("a", more=more), TARGET).items()}
        for more in ("", "workers: 5")
    )
    assert {name for name in before if before[name] != after[name]} == {"cds.json"}


def test_the_target_moves_every_address() -> None:
    target = Target(Path("/x"), Path("/s"), "127.0.0.9", 1, "127.0.0.8", 2, "127.0.0.7", 3)
    texts = render(gateway("a"), target)
    lds, bootstrap = json.loads(texts["lds.json"]), json.loads(texts["bootstrap.json"])
    addresses = [listener["address"]["socket_address"] for listener in lds["resources"]]
    assert addresses == [{"address": "127.0.0.9", "port_value": 1}, {"address": "127.0.0.7", "port_value": 3}]
    assert bootstrap["admin"]["address"]["socket_address"] == {"address": "127.0.0.8", "port_value": 2}
    assert bootstrap["dynamic_resources"]["cds_config"]["path_config_source"]["path"] == "/x/cds.json"
    assert '"/s/worker-1.sock"' in texts["cds.json"]
    assert TARGET.file("cds.json") not in "".join(texts.values())


def test_each_deployment_is_a_cluster_with_its_own_limits_and_its_own_name_in_the_rewrite() -> None:
    files = built("a", "b-2")
    found = cluster(files, "deployment.b-2")
    first, last = found["load_assignment"]["endpoints"]
    assert first["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]["address"] == "b-2.example.com"
    assert last["priority"] == 1
    tls = found["transport_socket"]["typed_config"]
    assert tls["sni"] == "b-2.example.com"
    (san,) = tls["common_tls_context"]["validation_context"]["match_typed_subject_alt_names"]
    assert san == {"san_type": "DNS", "matcher": {"exact": "b-2.example.com"}}
    delivery, rewrite, codec = http_options(found)["http_filters"]
    assert rewrite["typed_config"]["default_source_code"]["inline_string"].startswith('local DEPLOYMENT = "b-2"\n')
    assert delivery["typed_config"]["grpc_service"]["initial_metadata"] == [
        {"key": seams.DOOR_KEY, "value": "delivery"}
    ]
    assert codec["name"] == "envoy.filters.http.upstream_codec"


def test_a_retry_goes_to_the_next_deployment_only_for_what_delivery_or_the_network_says() -> None:
    policy = route(built())["route"]["retry_policy"]
    assert policy["retriable_headers"] == [{"name": seams.RETRY_HEADER, "present_match": True}]
    assert policy["num_retries"] == 0  # admission says how many
    assert not {"5xx", "gateway-error", "retriable-status-codes"} & set(policy["retry_on"].split(","))


def test_the_body_limit_is_one_number_in_every_place() -> None:
    files = built(more="limits: {max_body_bytes: 4096}")
    too_large, declared, undeclared = files["rds.json"]["resources"][0]["virtual_hosts"][0]["routes"][1:4]
    assert too_large["direct_response"]["status"] == 413
    assert too_large["match"]["headers"][1]["range_match"]["start"] == 4097
    assert declared["match"]["headers"][1]["range_match"] == {"start": 0, "end": 4097}
    assert "typed_per_filter_config" not in undeclared
    assert manager(files)["http_filters"][0]["typed_config"]["max_request_bytes"] == 4096


def test_without_an_allow_list_a_host_must_still_look_like_one() -> None:
    header, _ = route(built())["match"]["headers"]
    pattern = header["string_match"]["safe_regex"]["regex"]
    for host in ("a", "llm.example.com:8080", "127.0.0.1", "[::1]:80"):
        assert re.fullmatch(pattern, host)
    for host in ("", "a,b", "a/b", "u@a", "a b", "a:b", "a?x", "[::1"):
        assert not re.fullmatch(pattern, host)


def test_with_an_allow_list_everything_else_is_answered_at_once() -> None:
    files = built(more="listener: {hosts: [a.example, '*.b.example']}")
    ours, others = files["rds.json"]["resources"][0]["virtual_hosts"]
    assert ours["domains"] == ["a.example", "*.b.example"]
    assert others["domains"] == ["*"]
    assert others["routes"][0]["direct_response"]["status"] == 421


def test_only_the_two_doors_and_the_journal_reach_the_workers() -> None:
    files = built()
    assert [each["name"] for each in manager(files)["http_filters"]][:2] == ["gateway.body_limit", "gateway.admission"]
    sockets = [
        endpoint["endpoint"]["address"]["pipe"]["path"]
        for name in (seams.EXTPROC_CLUSTER, seams.JOURNAL_CLUSTER)
        for endpoint in cluster(files, name)["load_assignment"]["endpoints"][0]["lb_endpoints"]
    ]
    assert sockets == ["/run/extproc/worker-0.sock", "/run/extproc/worker-1.sock"] * 2


def test_no_certificate_or_key_is_in_the_files() -> None:
    text = """
listener: {tls: {cert_file: /tls/c.pem, key_file: /tls/k.pem}}
deployments: [{name: a, base_url: "https://a.example/v1", upstream_model: m, credential: {path: providers/zebra}}]
models: [{name: m, deployments: [a]}]
"""
    texts = render(parse(text, "sample"), TARGET)
    secret = json.loads(texts["sds.json"])["resources"][0]
    assert secret["tls_certificate"]["private_key"] == {"filename": "/tls/k.pem"}
    assert "zebra" not in "".join(texts.values())


def test_no_call_to_a_worker_is_given_up_before_its_own_time_limit() -> None:
    """Envoy takes a gRPC retry's max_interval for the time limit of each try."""
    files = built(more="limits: {admission_timeout_s: 7}")
    delivery = http_options(cluster(files, "deployment.a"))["http_filters"][0]["typed_config"]
    limits = {
        service["retry_policy"]["retry_back_off"]["max_interval"]
        for service in (
            manager(files)["http_filters"][1]["typed_config"]["grpc_service"],
            manager(files)["access_log"][0]["typed_config"]["grpc_service"],
            delivery["grpc_service"],
        )
    }
    assert limits == {"7s", "5s", "630s"}
