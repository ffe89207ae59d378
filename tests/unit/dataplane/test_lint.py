"""Each rule, seen to refuse the very thing it is there for."""

from collections.abc import Callable
from typing import Any

import pytest

from extproc.dataplane.lint import LintFailed, check, enforce
from tests.unit.dataplane.samples import built, cluster, http_options, manager, route

Files = dict[str, Any]
Poison = Callable[[Files], object]
_ANY = "type.googleapis.com/envoy.extensions"
_PER_ROUTE = f"{_ANY}.filters.http.ext_proc.v3.ExtProcPerRoute"


def _admission(files: Files) -> Files:
    found: Files = manager(files)["http_filters"][1]["typed_config"]
    return found


def _delivery(files: Files) -> Files:
    found: Files = http_options(cluster(files, "deployment.a"))["http_filters"][0]["typed_config"]
    return found


def _set(where: Callable[[Files], Files], **values: object) -> Poison:
    return lambda files: where(files).update(values)


def _mode(where: Callable[[Files], Files], **values: object) -> Poison:
    return lambda files: where(files)["processing_mode"].update(values)


def _log(key: str, template: str) -> Poison:
    def poison(files: Files) -> None:
        owner = manager(files) if key == "access_log" else manager(files)["http_filters"][-1]["typed_config"]
        owner[key][0]["typed_config"]["attributes"]["values"].append({"key": "x", "value": {"string_value": template}})

    return poison


def _mapper(condition: Files) -> Poison:
    return lambda files: manager(files)["local_reply_config"]["mappers"].append({"filter": condition})


_STATUS = {"status_code_filter": {"comparison": {"op": "GE", "value": {"default_value": 500, "runtime_key": "x"}}}}
_UT = {"response_flag_filter": {"flags": ["UT"]}}


def _cel(expression: str) -> Files:
    return {"extension_filter": {"typed_config": {"expression": expression}}}


NEVER: dict[str, tuple[Poison, str]] = {
    "admission fails open": (_set(_admission, failure_mode_allow=True), "failure_mode_allow"),
    "delivery fails open": (_set(_delivery, failure_mode_allow=True), "failure_mode_allow"),
    "fails open, in protobuf's other spelling": (_set(_admission, failureModeAllow=True), "failure_mode_allow"),
    "only observes": (_set(_admission, observability_mode=True), "observability_mode"),
    "mode override": (_set(_admission, allow_mode_override=True), "allow_mode_override"),
    "allowed modes": (_set(_delivery, allowed_override_modes=[{}]), "allow_mode_override"),
    "duplex request": (_mode(_admission, request_body_mode="FULL_DUPLEX_STREAMED"), "FULL_DUPLEX_STREAMED on the req"),
    "headers skipped": (_mode(_admission, request_header_mode="SKIP"), "SKIP of request headers"),
    "streamed request": (_mode(_admission, request_body_mode="STREAMED"), "processing_mode is neither"),
    "trailers": (_mode(_admission, request_trailer_mode="SEND"), "processing_mode is neither"),
    "response not seen": (_mode(_delivery, response_body_mode="NONE"), "processing_mode is neither"),
    "no mode at all": (lambda files: _delivery(files).pop("processing_mode"), "processing_mode is neither"),
    "per-route override": (
        lambda files: route(files).update(
            typed_per_filter_config={"gateway.admission": {"@type": _PER_ROUTE, "overrides": {"processing_mode": {}}}}
        ),
        "no route may change",
    ),
    "per-route disabled": (
        lambda files: route(files).update(
            typed_per_filter_config={"gateway.admission": {"@type": _PER_ROUTE, "disabled": True}}
        ),
        "no route may change or disable",
    ),
    "disabled by another wrapper": (
        lambda files: files["rds.json"]["resources"][0]["virtual_hosts"][0].update(
            typed_per_filter_config={
                "gateway.admission": {"@type": "x/envoy.config.route.v3.FilterConfig", "disabled": True}
            }
        ),
        "no route may change or disable",
    ),
    "filter disabled": (lambda files: manager(files)["http_filters"][0].update(disabled=True), "disabled or optional"),
    "rate limited back-off": (
        lambda files: route(files)["route"]["retry_policy"].update(rate_limited_retry_back_off={}),
        "rate_limited_retry_back_off",
    ),
    "attempts forwarded": (
        lambda files: _delivery(files)["metadata_options"]["forwarding_namespaces"]["untyped"].append(
            "gateway.attempt"
        ),
        "forwarding_namespaces has gateway.attempt",
    ),
    "attempts logged": (
        _log("access_log", "%DYNAMIC_METADATA(gateway.attempt:bodies)%"),
        "metadata of gateway.attempt",
    ),
    "attempts logged per attempt": (
        _log("upstream_log", "%DYNAMIC_METADATA(gateway.attempt)%"),
        "metadata of gateway.att",
    ),
    "all metadata logged": (_log("access_log", "%DYNAMIC_METADATA()%"), "metadata of every namespace"),
    "metadata by another operator": (_log("access_log", "%METADATA(DYNAMIC:gateway.attempt)%"), "%METADATA%"),
    "header by another operator": (_log("access_log", "%REQUEST_HEADER(authorization)%"), "%REQUEST_HEADER%"),
    "header as the second choice": (_log("access_log", "%REQ(x-request-id?authorization)%"), "?authorization"),
    "header inside a choice": (
        _log("access_log", '%COALESCE({"operators":["STREAM_ID",{"command":"REQ","param":"authorization"}]})%'),
        "the header authorization",
    ),
    "a choice that cannot be read": (_log("access_log", '%COALESCE({"operators":7})%'), "cannot be read"),
    "all request headers": (_log("upstream_log", "%REQUEST_HEADERS%"), "%REQUEST_HEADERS%"),
    "credential logged": (_log("access_log", "%REQ(Authorization)%"), "the header Authorization"),
    "path logged": (_log("access_log", "%REQ(:PATH)%"), "the header :PATH"),
    "path logged by its operator": (_log("upstream_log", "%PATH(WQ)%"), "%PATH%"),
    "classic log": (
        lambda files: manager(files)["access_log"].append(
            {"name": "x", "typed_config": {"@type": f"{_ANY}.access_loggers.grpc.v3.HttpGrpcAccessLogConfig"}}
        ),
        "classic gRPC access log",
    ),
    "reply by status": (_mapper(_STATUS), "by status alone"),
    "reply by status or flag": (_mapper({"or_filter": {"filters": [_UT, _STATUS]}}), "by status alone"),
    "reply by a status in CEL": (_mapper(_cel("response.code >= 500")), "by status alone"),
}


def _groups(files: Files) -> Files:
    found: Files = route(files)["route"]["inline_cluster_specifier_plugin"]["extension"]["typed_config"]
    return found


def _layer(files: Files) -> Files:
    found: Files = files["bootstrap.json"]["layered_runtime"]["layers"][0]["static_layer"]
    return found


def _http2(files: Files) -> Files:
    found: Files = http_options(cluster(files, "extproc"))["explicit_http_config"]["http2_protocol_options"]
    return found


_FLOW = "envoy.reloadable_features.grpc_side_stream_flow_control"
REQUIRED: dict[str, tuple[Poison, str]] = {
    "flow control left on": (lambda files: _layer(files).clear(), _FLOW),
    "flow control switched on": (lambda files: _layer(files).update({_FLOW: True}), _FLOW),
    "flow control switched on by a later layer": (
        lambda files: files["bootstrap.json"]["layered_runtime"]["layers"].append({"static_layer": {_FLOW: True}}),
        _FLOW,
    ),
    "no runtime": (lambda files: files["bootstrap.json"].pop("layered_runtime"), _FLOW),
    "small buffer": (
        _set(lambda files: cluster(files, "extproc"), per_connection_buffer_limit_bytes=1),
        "Envoy crashes",
    ),
    "small buffer of the journal": (
        lambda files: cluster(files, "extproc_journal").pop("per_connection_buffer_limit_bytes"),
        "Envoy crashes",
    ),
    "few frames": (lambda files: _http2(files).pop("max_outbound_frames"), "max_outbound_frames"),
    "keepalive": (lambda files: _http2(files).update(connection_keepalive={}), "connection_keepalive"),
    "least request": (_set(lambda files: cluster(files, "extproc"), lb_policy="LEAST_REQUEST"), "ROUND_ROBIN"),
    "default breaker": (lambda files: cluster(files, "extproc").pop("circuit_breakers"), "max_requests"),
    "panic": (lambda files: cluster(files, "extproc").pop("common_lb_config"), "healthy_panic_threshold"),
    "streams cut by a health check": (
        _set(lambda files: cluster(files, "extproc"), close_connections_on_host_health_failure=True),
        "cuts open streams",
    ),
    "no such cluster": (
        lambda files: _admission(files)["grpc_service"]["envoy_grpc"].update(cluster_name="x"),
        "there is no cluster x",
    ),
    "another transport": (lambda files: _admission(files).update(grpc_service={"google_grpc": {}}), "over envoy_grpc"),
    "admission missing": (lambda files: manager(files)["http_filters"].pop(1), "do not end in admission, router"),
    "something in between": (
        lambda files: manager(files)["http_filters"].insert(2, {"name": "x", "typed_config": {}}),
        "do not end in admission, router",
    ),
    "nothing stripped": (lambda files: manager(files).pop("early_header_mutation_extensions"), "not stripped"),
    "loopback internal": (lambda files: manager(files).update(internal_address_config={}), "someone is internal"),
    "slow body": (lambda files: manager(files).pop("request_timeout"), "request_timeout"),
    "delivery missing": (
        lambda files: http_options(cluster(files, "deployment.a"))["http_filters"].pop(0),
        "not delivery, attempt rewrite, codec",
    ),
    "no filters": (
        lambda files: http_options(cluster(files, "deployment.a")).pop("http_filters"),
        "not delivery, attempt rewrite, codec",
    ),
    "no last resort": (
        lambda files: cluster(files, "deployment.a")["load_assignment"]["endpoints"].pop(),
        "no priority-1 endpoint",
    ),
    "default goes to a provider": (
        lambda files: _groups(files)["priority_groups"][0]["clusters"][0].update(cluster_name="deployment.a"),
        "the default group",
    ),
    "the deny cluster has endpoints": (
        _set(lambda files: cluster(files, "deny"), load_assignment={"endpoints": []}),
        "the default group",
    ),
    "route to a cluster": (
        lambda files: route(files).update(route={"cluster": "deployment.a"}),
        "a route names its cluster itself",
    ),
    "route timeout": (lambda files: route(files)["route"].pop("timeout"), "timeout is not 0s"),
    "retry stays": (
        lambda files: route(files)["route"]["retry_policy"].pop("refresh_cluster_on_retry"),
        "refresh_cluster_on_retry",
    ),
    "no limit of a body": (lambda files: manager(files)["http_filters"].pop(0), "bounds no body"),
    "a limit that any body passes": (
        lambda files: route(files)["match"]["headers"].pop(),
        "no route may change or disable a door or a limit",
    ),
    "a full connection": (
        lambda files: files["lds.json"]["resources"][0].update(per_connection_buffer_limit_bytes=2**20),
        "Envoy crashes on a client that does not read",
    ),
    "a full stream": (
        lambda files: manager(files)["http2_protocol_options"].pop("initial_stream_window_size"),
        "Envoy crashes on a client that does not read",
    ),
}


def test_what_we_render_breaks_no_rule() -> None:
    assert check(built("a", "b")) == []
    assert check(built("a", more="listener: {hosts: [a.example]}")) == []


@pytest.mark.parametrize("name", [*NEVER, *REQUIRED])
def test_a_configuration_that_breaks_a_rule_is_refused(name: str) -> None:
    poison, message = {**NEVER, **REQUIRED}[name]
    files = built()
    poison(files)
    assert any(message in violation.rule for violation in check(files)), check(files)
    with pytest.raises(LintFailed, match="json"):
        enforce(files)


@pytest.mark.parametrize(
    "condition",
    [
        _UT,
        {"and_filter": {"filters": [_STATUS, _UT]}},
        _cel('response.code == 503 && response.code_details == "x"'),
    ],
)
def test_a_reply_chosen_by_its_cause_is_taken(condition: Files) -> None:
    files = built()
    _mapper(condition)(files)
    assert check(files) == []
