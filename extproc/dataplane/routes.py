"""The route table: what is too large, what is ours to judge, and 421 for other hosts.

A request that is judged gets its clusters from admission. The size of a body is bounded here: a declared one by which
route it takes, any other by the buffer filter.
"""

from extproc.config.gateway import Gateway
from extproc.dataplane.doors import ADMISSION, NOT_ASKED
from extproc.dataplane.replies import JSON_TYPE, body_of
from extproc.dataplane.typed import Message, extension, seconds, typed
from extproc.model import refusals, seams
from extproc.model.refusals import Kind

ROUTES_NAME = "gateway"

# What a Host can look like. Anything else (a slash, an at sign, two hosts with a comma) names nothing of ours.
_AUTHORITY = r"([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?"
# How attempts fail before any answer. What an answer means is judged by delivery, which sets the retry header.
_RETRY_ON = "connect-failure,refused-stream,reset,retriable-headers"

BODY_LIMIT = "gateway.body_limit"
BUFFER = "envoy.extensions.filters.http.buffer.v3.Buffer"
NOT_BUFFERED = typed("envoy.extensions.filters.http.buffer.v3.BufferPerRoute", disabled=True)
"""For a route that takes only bodies of a declared and bounded length: admission can refuse those by their head."""

_INTERNAL_RESPONSE_HEADERS = (
    seams.RETRY_HEADER,
    "x-envoy-attempt-count",
    "x-envoy-decorator-operation",
    "x-envoy-degraded",
    "x-envoy-immediate-health-check-fail",
    "x-envoy-is-timeout-retry",
    "x-envoy-overloaded",
    "x-envoy-ratelimited",
    "x-envoy-upstream-canary",
    "x-envoy-upstream-healthchecked-cluster",
    "x-envoy-upstream-service-time",
)


def route_table(gateway: Gateway) -> Message:
    """The ``RouteConfiguration`` that the listener asks for by name."""
    ours: Message = {
        "name": "gateway",
        "domains": list(gateway.listener.hosts),
        "routes": [*_exchange_routes(gateway), *([_unknown_host()] if gateway.listener.takes_any_host else [])],
    }
    others: Message = {"name": "others", "domains": ["*"], "routes": [_unknown_host()]}
    return {
        "name": ROUTES_NAME,
        "virtual_hosts": [ours] if gateway.listener.takes_any_host else [ours, others],
        "ignore_port_in_host_matching": True,
        "response_headers_to_remove": list(_INTERNAL_RESPONSE_HEADERS),
    }


def body_limit(gateway: Gateway) -> Message:
    """The filter that takes a body without a declared length, up to the limit, before admission hears of it."""
    return extension(BODY_LIMIT, BUFFER, max_request_bytes=gateway.limits.max_body_bytes)


def _exchange_routes(gateway: Gateway) -> list[Message]:
    too_large = gateway.limits.max_body_bytes + 1
    declared: Message = {"name": "content-length", "range_match": {"start": 0, "end": too_large}}
    over: Message = {"name": "content-length", "range_match": {"start": too_large, "end": 2**63 - 1}}
    # What admission wrote may be a little longer than what it read. No client can set this header: it is stripped.
    undecided: Message = {"name": "x-envoy-max-retries", "present_match": True, "invert_match": True}
    return [
        # A tunnel has a body without an end: nothing may wait for it. Envoy itself refuses it here, with 403.
        {**_reply("no_tunnel", refusals.UNKNOWN_PATH, []), "match": {"connect_matcher": {}}},
        _reply("too_large", refusals.REQUEST_TOO_LARGE, [_HOST, over, undecided]),
        {
            **_exchange_route(gateway, "exchange", [_HOST, declared]),
            "typed_per_filter_config": {BODY_LIMIT: NOT_BUFFERED},
        },
        _exchange_route(gateway, "exchange_undeclared", [_HOST]),
    ]


_HOST: Message = {"name": ":authority", "string_match": {"safe_regex": {"regex": _AUTHORITY}}}


def _exchange_route(gateway: Gateway, name: str, headers: list[Message]) -> Message:
    return {
        "name": name,
        "match": {"prefix": "/", "headers": list(headers)},
        "route": {
            "inline_cluster_specifier_plugin": {"extension": _order_of_attempts()},
            # Long answers are bounded by delivery's deadlines and the idle timeout, not by a sum of seconds.
            "timeout": "0s",
            "idle_timeout": seconds(gateway.limits.stream_idle_timeout_s),
            "retry_policy": {
                "retry_on": _RETRY_ON,
                # Admission sets x-envoy-max-retries to the length of its plan; without it there is one attempt.
                "num_retries": 0,
                "retriable_headers": [{"name": seams.RETRY_HEADER, "present_match": True}],
                "refresh_cluster_on_retry": True,
                "retry_back_off": {"base_interval": "0.005s", "max_interval": "0.020s"},
            },
        },
    }


def _order_of_attempts() -> Message:
    return extension(
        "gateway.order",
        "envoy.extensions.router.cluster_specifiers.priority_group.v3.PriorityGroupClusterSpecifier",
        # What admission did not decide goes to a cluster without endpoints: an ext_proc stream that ends early and
        # cleanly lets the request pass, and this is where it ends up.
        priority_groups=[{"name": "deny", "clusters": [{"cluster_name": seams.DENY_CLUSTER, "weight": 1}]}],
        override_metadata_namespace=seams.NAMESPACE_ORDER,
    )


def _unknown_host() -> Message:
    return _reply("unknown_host", refusals.UNKNOWN_HOST, [])


def _reply(name: str, kind: Kind, headers: list[Message]) -> Message:
    return {
        "name": name,
        "match": {"prefix": "/", **({"headers": list(headers)} if headers else {})},
        "direct_response": {"status": kind.status, "body": {"inline_string": body_of(kind)}},
        "typed_per_filter_config": {ADMISSION: NOT_ASKED, BODY_LIMIT: NOT_BUFFERED},
        "response_headers_to_add": [
            {
                "header": {"key": "content-type", "value": JSON_TYPE},
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            }
        ],
    }
