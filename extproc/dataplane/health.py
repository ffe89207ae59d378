"""The readiness listener: GET /ready is 200 while a worker is healthy and nobody asked Envoy to drain."""

from extproc.config.gateway import Gateway
from extproc.dataplane.listener import CONNECTION_MANAGER, ROUTER
from extproc.dataplane.target import Target
from extproc.dataplane.typed import Message, extension, tcp_address
from extproc.model import seams

READY_PATH = "/ready"


def health_listener(gateway: Gateway, target: Target) -> Message:
    """A ``Listener`` of its own, because a kubelet must not need the applications' port, certificate or Host."""
    endpoint = target.health(gateway)
    return {
        "name": "health",
        "address": tcp_address(endpoint.address, endpoint.port),
        # Readiness must be answerable exactly when there is too much of everything.
        "bypass_overload_manager": True,
        "ignore_global_conn_limit": True,
        "filter_chains": [{"filters": [_connection_manager()]}],
    }


def _connection_manager() -> Message:
    return extension(
        "envoy.filters.network.http_connection_manager",
        CONNECTION_MANAGER,
        stat_prefix="health",
        codec_type="HTTP1",
        request_timeout="5s",
        request_headers_timeout="5s",
        stream_idle_timeout="5s",
        route_config={
            "name": "health",
            "virtual_hosts": [
                {
                    "name": "health",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 404}}],
                }
            ],
        },
        http_filters=[
            extension(
                "envoy.filters.http.health_check",
                "envoy.extensions.filters.http.health_check.v3.HealthCheck",
                pass_through_mode=False,
                headers=[{"name": ":path", "string_match": {"exact": READY_PATH}}],
                # Any healthy worker will do: more than 0 %.
                cluster_min_healthy_percentages={seams.EXTPROC_CLUSTER: {"value": 1}},
            ),
            extension("envoy.filters.http.router", ROUTER),
        ],
    )
