"""The clusters of our own: the workers' sockets, twice, and the one without endpoints that fails closed.

Three of the settings here keep Envoy 1.40 alive (its side streams crash it otherwise) and are held by ``lint``:
the raised buffer limit, the raised outbound frames, and in ``bootstrap`` the flow control switched off.
"""

from extproc.config.gateway import Gateway
from extproc.dataplane.deployment import HTTP_OPTIONS
from extproc.dataplane.target import Target
from extproc.dataplane.typed import Message, endpoints, pipe_address, typed
from extproc.model import seams

BUFFER_LIMIT_BYTES = 268_435_456
MAX_OUTBOUND_FRAMES = 10_000_000
_MANY = 1_000_000  # every open exchange holds two streams: the default of 1024 requests would be the gateway's limit


def extproc_cluster(gateway: Gateway, target: Target) -> Message:
    """Doors admission and delivery."""
    own: Message = {"health_checks": [_HEALTH_CHECK], "outlier_detection": _OUTLIERS}
    return {**_workers(seams.EXTPROC_CLUSTER, gateway, target), **own}


def journal_cluster(gateway: Gateway, target: Target) -> Message:
    """The same sockets for the access logger: a connection and limits of its own, so records never delay a door.

    Nobody is ever out here: where all are, Envoy fails at once what could be tried again until one is back.
    """
    return _workers(seams.JOURNAL_CLUSTER, gateway, target)


def deny_cluster() -> Message:
    """Nothing is here, on purpose."""
    return {"name": seams.DENY_CLUSTER, "type": "STATIC", "connect_timeout": "1s"}


# A dead worker refuses the connection and is out at the next check; a stopped one keeps the connection open, and for
# seconds that is no reason to be out: its streams go on when it does. no_traffic_interval would be a minute.
_HEALTH_CHECK: Message = {
    "timeout": "10s",
    "interval": "0.5s",
    "no_traffic_interval": "0.5s",
    "unhealthy_interval": "0.25s",
    "unhealthy_threshold": 1,
    "healthy_threshold": 1,
    "grpc_health_check": {},
}


_OUTLIERS: Message = {
    "split_external_local_origin_errors": True,
    "consecutive_local_origin_failure": 1,
    "enforcing_consecutive_local_origin_failure": 100,
    "enforcing_consecutive_5xx": 0,
    "enforcing_consecutive_gateway_failure": 0,
    "enforcing_success_rate": 0,
    "enforcing_local_origin_success_rate": 0,
    "enforcing_failure_percentage": 0,
    "enforcing_failure_percentage_local_origin": 0,
    "interval": "0.25s",
    "base_ejection_time": "0.5s",
    "max_ejection_time": "2s",
    "max_ejection_percent": 100,
}


def _workers(name: str, gateway: Gateway, target: Target) -> Message:
    sockets = [pipe_address(path) for path in target.worker_sockets(gateway)]
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        # LEAST_REQUEST would send everything to a dead socket: it never has a request in progress.
        "lb_policy": "ROUND_ROBIN",
        "load_assignment": endpoints(name, sockets),
        # Half the workers restarting must not make the dead ones look eligible again.
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "circuit_breakers": {
            "thresholds": [
                {"max_connections": _MANY, "max_pending_requests": _MANY, "max_requests": _MANY, "max_retries": _MANY}
            ]
        },
        "per_connection_buffer_limit_bytes": BUFFER_LIMIT_BYTES,
        "typed_extension_protocol_options": {
            HTTP_OPTIONS: typed(
                HTTP_OPTIONS,
                explicit_http_config={"http2_protocol_options": {"max_outbound_frames": MAX_OUTBOUND_FRAMES}},
            )
        },
    }
