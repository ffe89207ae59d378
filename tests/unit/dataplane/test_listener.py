"""How applications' requests are read, before anybody judges them."""

from typing import Any

import pytest

from extproc.dataplane.listener import WRITE_BUFFER_BYTES
from tests.unit.dataplane.samples import built, manager

TLS = "listener: {tls: {cert_file: /c.pem, key_file: /k.pem}}"


def chain(more: str = "") -> dict[str, Any]:
    found: dict[str, Any] = built(more=more)["lds.json"]["resources"][0]["filter_chains"][0]
    return found


@pytest.mark.parametrize(
    "name",
    [
        *("x-gateway-door", "x-gateway-retry", "x-envoy-max-retries", "x-envoy-original-path", "x-forwarded-for"),
        *("x-forwarded-host", "x-request-id", "x-http-method-override", "x-original-url", "forwarded", "via"),
    ],
)
def test_a_header_that_means_something_inside_is_stripped_before_anybody_looks(name: str) -> None:
    (mutation,) = manager(built())["early_header_mutation_extensions"]
    rules = mutation["typed_config"]["mutations"]
    names = {rule.get("remove") for rule in rules}
    prefixes = [rule["remove_on_match"]["key_matcher"]["prefix"] for rule in rules if "remove_on_match" in rule]
    assert name in names or any(name.startswith(prefix) for prefix in prefixes)


def test_nobody_is_internal_and_the_peer_is_who_it_is() -> None:
    found = manager(built())
    assert found["use_remote_address"] is True
    ranges = found["internal_address_config"]["cidr_ranges"]
    assert ranges == [{"address_prefix": "0.0.0.0", "prefix_len": 32}]


def test_a_request_has_an_id_of_ours_and_the_caller_is_told_it() -> None:
    found = manager(built())
    assert (found["generate_request_id"], found["preserve_external_request_id"]) == (True, False)
    assert found["always_set_request_id_in_response"] is True


def test_a_path_has_one_spelling() -> None:
    found = manager(built())
    assert (found["normalize_path"], found["merge_slashes"]) == (True, True)
    assert found["path_with_escaped_slashes_action"] == "REJECT_REQUEST"


def test_old_and_odd_http_is_refused() -> None:
    found = manager(built())
    assert found["http_protocol_options"] == {
        "allow_absolute_url": False,
        "accept_http_10": False,
        "enable_trailers": False,
    }
    assert found["common_http_protocol_options"]["headers_with_underscores_action"] == "DROP_HEADER"
    assert "upgrade_configs" not in found


def test_every_limit_of_gateway_yaml_reaches_envoy() -> None:
    limits = "request_timeout_s: 7, request_headers_timeout_s: 3, drain_timeout_s: 4, max_headers_kib: 9"
    found = manager(built(more=f"limits: {{{limits}, admission_timeout_s: 2}}"))
    assert (found["request_timeout"], found["request_headers_timeout"], found["drain_timeout"]) == ("7s", "3s", "4s")
    assert found["max_request_headers_kb"] == 9
    admission = next(each for each in found["http_filters"] if each["name"] == "gateway.admission")
    assert admission["typed_config"]["message_timeout"] == "2s"
    assert chain("limits: {request_headers_timeout_s: 3}")["transport_socket_connect_timeout"] == "3s"


@pytest.mark.parametrize("max_response_bytes", [1024, 33_554_432, 268_435_456])
def test_the_answers_of_one_connection_fit_into_its_buffer_even_when_nobody_reads(max_response_bytes: int) -> None:
    files = built(more=f"limits: {{max_response_bytes: {max_response_bytes}}}")
    options = manager(files)["http2_protocol_options"]
    assert 1 <= options["max_concurrent_streams"] <= 256
    assert options["max_concurrent_streams"] * max_response_bytes < WRITE_BUFFER_BYTES
    assert options["initial_stream_window_size"] == WRITE_BUFFER_BYTES
    assert files["lds.json"]["resources"][0]["per_connection_buffer_limit_bytes"] == WRITE_BUFFER_BYTES


def test_requests_are_bounded_then_judged_then_routed() -> None:
    names = [each["name"] for each in manager(built())["http_filters"]]
    assert names == ["gateway.body_limit", "gateway.admission", "envoy.filters.http.router"]


def test_callers_and_providers_see_none_of_envoys_own_headers() -> None:
    router = manager(built())["http_filters"][-1]["typed_config"]
    assert router["suppress_envoy_headers"] is True


def test_tls_is_there_when_it_is_asked_for_and_its_certificate_follows_its_files() -> None:
    assert "transport_socket" not in chain()
    assert "sds.json" not in built()
    context = chain(TLS)["transport_socket"]["typed_config"]["common_tls_context"]
    assert context["tls_params"] == {"tls_minimum_protocol_version": "TLSv1_2"}
    assert context["alpn_protocols"] == ["h2", "http/1.1"]
    (source,) = context["tls_certificate_sds_secret_configs"]
    (secret,) = built(more=TLS)["sds.json"]["resources"]
    assert source["name"] == secret["name"]
    assert source["sds_config"]["path_config_source"]["path"] == "/etc/envoy/xds/sds.json"
    assert secret["tls_certificate"]["certificate_chain"] == {"filename": "/c.pem"}
