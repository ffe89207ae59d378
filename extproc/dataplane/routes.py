"""The route table: one route for everything, whose clusters admission chooses per request, and 421 for other hosts."""

from extproc.config.gateway import Gateway
from extproc.dataplane.doors import ADMISSION, NOT_ASKED
from extproc.dataplane.replies import JSON_TYPE, body_of
from extproc.dataplane.typed import Message, extension, seconds
from extproc.model import refusals, seams

ROUTES_NAME = "gateway"

# What a Host can look like. Anything else (a slash, an at sign, two hosts with a comma) names nothing of ours.
_AUTHORITY = r"([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?"
# How attempts fail before any answer. What an answer means is judged by delivery, which sets the retry header.
_RETRY_ON = "connect-failure,refused-stream,reset,retriable-headers"
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
        "routes": [_exchange_route(gateway), *([_unknown_host()] if gateway.listener.takes_any_host else [])],
    }
    others: Message = {"name": "others", "domains": ["*"], "routes": [_unknown_host()]}
    return {
        "name": ROUTES_NAME,
        "virtual_hosts": [ours] if gateway.listener.takes_any_host else [ours, others],
        "ignore_port_in_host_matching": True,
        "response_headers_to_remove": list(_INTERNAL_RESPONSE_HEADERS),
    }


def _exchange_route(gateway: Gateway) -> Message:
    return {
        "name": "exchange",
        "match": {
            "prefix": "/",
            "headers": [{"name": ":authority", "string_match": {"safe_regex": {"regex": _AUTHORITY}}}],
        },
        "request_body_buffer_limit": gateway.limits.max_body_bytes,
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
    return {
        "name": "unknown_host",
        "match": {"prefix": "/"},
        "direct_response": {
            "status": refusals.UNKNOWN_HOST.status,
            "body": {"inline_string": body_of(refusals.UNKNOWN_HOST)},
        },
        "typed_per_filter_config": {ADMISSION: NOT_ASKED},
        "response_headers_to_add": [
            {
                "header": {"key": "content-type", "value": JSON_TYPE},
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            }
        ],
    }
