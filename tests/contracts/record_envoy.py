"""The Envoy configuration that ``record`` runs: the gateway's own doors, journal and attempt rewrite, and little else.

What decides the frames' content comes from ``dataplane``; listener, route and clusters are the smallest that carry it.
"""

from pathlib import Path
from typing import Any

from extproc.dataplane import doors, journal
from extproc.model import seams

_EXTENSIONS = "type.googleapis.com/envoy.extensions"
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_TIMEOUT_S = 5.0
_LUA = Path(__file__).parents[2] / "envoy" / "attempt_rewrite.lua"


def recording_config(listener_port: int, deployments: dict[str, int], worker_socket: Path) -> dict[str, Any]:
    """A bootstrap; ``deployments`` gives each one's loopback port."""
    return {
        "node": {"id": "recorder", "cluster": "recorder"},
        "static_resources": {
            "listeners": [_listener(listener_port)],
            "clusters": [
                *(_deployment(name, port) for name, port in deployments.items()),
                {"name": seams.DENY_CLUSTER, "type": "STATIC"},
                _worker(seams.EXTPROC_CLUSTER, worker_socket),
                _worker(seams.JOURNAL_CLUSTER, worker_socket),
            ],
        },
        "layered_runtime": {
            "layers": [
                {"name": "s", "static_layer": {"envoy.reloadable_features.grpc_side_stream_flow_control": False}}
            ]
        },
    }


def _listener(port: int) -> dict[str, Any]:
    manager = {
        "@type": f"{_EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "main",
        "codec_type": "AUTO",
        "route_config": {"virtual_hosts": [_virtual_host()]},
        "http_filters": [
            doors.admission(_TIMEOUT_S),
            {
                "name": "router",
                "typed_config": {
                    "@type": f"{_EXTENSIONS}.filters.http.router.v3.Router",
                    "upstream_log": [journal.attempt_log()],
                },
            },
        ],
        "access_log": [journal.exchange_log()],
    }
    return {
        "name": "main",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "hcm", "typed_config": manager}]}],
    }


def _virtual_host() -> dict[str, Any]:
    return {"name": "all", "domains": ["*"], "routes": [_route()], "include_request_attempt_count": True}


def _route() -> dict[str, Any]:
    specifier = {
        "@type": f"{_EXTENSIONS}.router.cluster_specifiers.priority_group.v3.PriorityGroupClusterSpecifier",
        "priority_groups": [{"name": "deny", "clusters": [{"cluster_name": seams.DENY_CLUSTER, "weight": 1}]}],
        "override_metadata_namespace": seams.NAMESPACE_ORDER,
    }
    return {
        "match": {"prefix": "/"},
        "route": {
            "timeout": "10s",
            "inline_cluster_specifier_plugin": {"extension": {"name": "order", "typed_config": specifier}},
            "retry_policy": {
                "retry_on": "5xx,connect-failure,reset",
                "num_retries": 1,
                "refresh_cluster_on_retry": True,
                "retry_back_off": {"base_interval": "0.005s", "max_interval": "0.02s"},
            },
        },
    }


def _deployment(name: str, port: int) -> dict[str, Any]:
    cluster = seams.DEPLOYMENT_CLUSTER_PREFIX + name
    lua = f'local DEPLOYMENT = "{name}"\n{_LUA.read_text()}'
    rewrite = {
        "@type": f"{_EXTENSIONS}.filters.http.lua.v3.Lua",
        "default_source_code": {"inline_string": lua},
    }
    codec = {"@type": f"{_EXTENSIONS}.filters.http.upstream_codec.v3.UpstreamCodec"}
    endpoint = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}
    return {
        "name": cluster,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": cluster, "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}]},
        "typed_extension_protocol_options": {
            _HTTP_OPTIONS: {
                "@type": f"type.googleapis.com/{_HTTP_OPTIONS}",
                "explicit_http_config": {"http_protocol_options": {"enable_trailers": True}},
                "http_filters": [
                    doors.delivery(_TIMEOUT_S),
                    {"name": "rewrite", "typed_config": rewrite},
                    {"name": "codec", "typed_config": codec},
                ],
            }
        },
    }


def _worker(name: str, socket: Path) -> dict[str, Any]:
    endpoint = {"address": {"pipe": {"path": str(socket)}}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}],
        },
        "typed_extension_protocol_options": {
            _HTTP_OPTIONS: {
                "@type": f"type.googleapis.com/{_HTTP_OPTIONS}",
                "explicit_http_config": {"http2_protocol_options": {"max_outbound_frames": 10_000_000}},
            }
        },
        "per_connection_buffer_limit_bytes": 268_435_456,
    }
