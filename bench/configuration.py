"""What both sides are configured with: the gateway's gateway.yaml, and an Envoy that does nothing but route."""

import json
from typing import Any

WORKERS = 2
_ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
_MANAGER = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


def gateway_yaml(upstream_port: int) -> str:
    """One model on one deployment, with a credential. JSON is YAML."""
    document = {
        "workers": WORKERS,
        "deployments": [
            {
                "name": "bench",
                "base_url": f"http://127.0.0.1:{upstream_port}/v1",
                "upstream_model": "bench-1",
                "operations": ["chat.completions"],
                "credential": {"path": "providers/bench", "field": "api_key"},
            }
        ],
        "models": [{"name": "bench", "deployments": ["bench"]}],
    }
    return json.dumps(document)


def bare_envoy(upstream_port: int) -> str:
    """The bootstrap of an Envoy with a plain route: no filter but the router, no log, no retries."""
    manager: dict[str, Any] = {
        "@type": _MANAGER,
        "stat_prefix": "bare",
        "generate_request_id": True,
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "upstream", "timeout": "0s"}}],
                }
            ]
        },
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": _ROUTER}}],
    }
    listener = {
        "name": "bare",
        "address": _address(0),
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }
    cluster = {
        "name": "upstream",
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": "upstream",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(upstream_port)}}]}],
        },
    }
    return json.dumps(
        {
            "admin": {"address": _address(0)},
            "static_resources": {"listeners": [listener], "clusters": [cluster]},
        }
    )


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
