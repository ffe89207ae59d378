"""What Envoy is started with: where its files are, its admin interface, its memory limit, and one runtime switch."""

from extproc.config.gateway import Gateway
from extproc.dataplane.listener import file_source
from extproc.dataplane.target import Target
from extproc.dataplane.typed import Message, extension, tcp_address

SIDE_STREAM_FLOW_CONTROL = "envoy.reloadable_features.grpc_side_stream_flow_control"


def bootstrap(gateway: Gateway, target: Target) -> Message:
    """The ``Bootstrap``. Unlike the other files it is read once: a change takes effect at the next start."""
    admin = target.admin(gateway)
    return {
        "node": {"id": "gateway", "cluster": "gateway"},
        "admin": {"address": tcp_address(admin.address, admin.port), "ignore_global_conn_limit": True},
        "dynamic_resources": {
            "cds_config": file_source(target, "cds.json"),
            "lds_config": file_source(target, "lds.json"),
        },
        "layered_runtime": {
            "layers": [{"name": "gateway", "static_layer": {SIDE_STREAM_FLOW_CONTROL: False}}],
        },
        "overload_manager": _overload(gateway),
    }


def _overload(gateway: Gateway) -> Message:
    """With side-stream flow control off, nothing else bounds what a stuck worker makes Envoy hold."""
    heap = "envoy.resource_monitors.fixed_heap"
    connections = "envoy.resource_monitors.global_downstream_max_connections"
    return {
        "refresh_interval": "0.25s",
        "resource_monitors": [
            extension(
                heap,
                "envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
                max_heap_size_bytes=gateway.limits.max_heap_bytes,
            ),
            extension(
                connections,
                "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                max_active_downstream_connections=gateway.limits.max_connections,
            ),
        ],
        "actions": [
            _action("envoy.overload_actions.shrink_heap", heap, 0.85),
            _action("envoy.overload_actions.disable_http_keepalive", heap, 0.90),
            _action("envoy.overload_actions.stop_accepting_requests", heap, 0.95),
            _action("envoy.overload_actions.stop_accepting_connections", heap, 0.98),
        ],
    }


def _action(name: str, resource: str, threshold: float) -> Message:
    return {"name": name, "triggers": [{"name": resource, "threshold": {"value": threshold}}]}
