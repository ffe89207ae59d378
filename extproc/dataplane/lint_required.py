"""What must be in Envoy's configuration: without it Envoy crashes, fails open, or cuts what is well. See ``lint``."""

from collections.abc import Callable, Iterator, Sequence

from extproc.dataplane.bootstrap import SIDE_STREAM_FLOW_CONTROL
from extproc.dataplane.deployment import HTTP_OPTIONS
from extproc.dataplane.doors import ADMISSION_MODE, DELIVERY_MODE, EXTERNAL_PROCESSOR
from extproc.dataplane.listener import CONNECTION_MANAGER, NOBODY_INTERNAL, ROUTER, WRITE_BUFFER_BYTES
from extproc.dataplane.tree import Place, Violation, child, items, number, text
from extproc.dataplane.typed import Message
from extproc.dataplane.workers import BUFFER_LIMIT_BYTES, MAX_OUTBOUND_FRAMES
from extproc.model import seams

_CLUSTER = "envoy.config.cluster.v3.Cluster"
_LISTENER = "envoy.config.listener.v3.Listener"
_DEFAULT_MAX_REQUESTS = 1024


def check_required(everywhere: Sequence[Place]) -> Iterator[Violation]:
    """Every violation; ``everywhere`` is every place of every file."""
    for rule in _REQUIRED:
        yield from rule(everywhere)


def _flow_control(everywhere: Sequence[Place]) -> Iterator[Violation]:
    roots = [
        place for place in everywhere if "layered_runtime" in place.message or "dynamic_resources" in place.message
    ]
    for place in roots:
        layers = [child(layer, "static_layer") for layer in items(child(place.message, "layered_runtime", "layers"))]
        values = [value for layer in layers if (value := child(layer, SIDE_STREAM_FLOW_CONTROL)) is not None]
        if values[-1:] != [False]:
            yield place.breaks(f"{SIDE_STREAM_FLOW_CONTROL} is not false: Envoy crashes on a slow worker")


def _door_clusters(everywhere: Sequence[Place]) -> Iterator[Violation]:
    clusters = {text(place.message.get("name")): place for place in _clusters(everywhere)}
    for door in _of_type(everywhere, EXTERNAL_PROCESSOR):
        name = text(child(door.message, "grpc_service", "envoy_grpc", "cluster_name"))
        if not name:
            yield door.breaks("a door is reached over envoy_grpc and nothing else")
        elif name not in clusters:
            yield door.breaks(f"there is no cluster {name}")
    for name in (seams.EXTPROC_CLUSTER, seams.JOURNAL_CLUSTER):
        if name in clusters:
            yield from _worker_cluster(clusters[name])


def _worker_cluster(place: Place) -> Iterator[Violation]:
    cluster = place.message
    if number(cluster.get("per_connection_buffer_limit_bytes")) < BUFFER_LIMIT_BYTES:
        yield place.breaks(f"per_connection_buffer_limit_bytes is below {BUFFER_LIMIT_BYTES}: Envoy crashes")
    http2 = child(_http_options(cluster), "explicit_http_config", "http2_protocol_options")
    if number(child(http2, "max_outbound_frames")) < MAX_OUTBOUND_FRAMES:
        yield place.breaks(f"max_outbound_frames is below {MAX_OUTBOUND_FRAMES}: a stalled worker loses its streams")
    if child(http2, "connection_keepalive") is not None:
        yield place.breaks("connection_keepalive closes the connection of a worker that is only stopped for a moment")
    if text(cluster.get("lb_policy")) != "ROUND_ROBIN":
        yield place.breaks("lb_policy is not ROUND_ROBIN: others prefer a dead socket")
    thresholds = items(child(cluster, "circuit_breakers", "thresholds"))
    if not any(number(threshold.get("max_requests")) > _DEFAULT_MAX_REQUESTS for threshold in thresholds):
        yield place.breaks("max_requests is not raised: every open stream holds one")
    panic = child(cluster, "common_lb_config", "healthy_panic_threshold")
    if panic is None or number(child(panic, "value")) != 0:
        yield place.breaks("healthy_panic_threshold is not 0")
    if cluster.get("close_connections_on_host_health_failure", False) is not False:
        yield place.breaks("close_connections_on_host_health_failure cuts open streams")


def _admission_first(everywhere: Sequence[Place]) -> Iterator[Violation]:
    for place in _of_type(everywhere, CONNECTION_MANAGER):
        if "rds" not in place.message:
            continue  # a listener of our own without providers behind it
        filters = [child(item, "typed_config") for item in items(place.message.get("http_filters"))]
        modes = [child(config, "processing_mode") for config in filters]
        is_last_router = bool(filters) and text(child(filters[-1], "@type")).endswith(ROUTER)
        if modes.count(ADMISSION_MODE) != 1 or not is_last_router or modes.index(ADMISSION_MODE) != len(modes) - 2:
            yield place.breaks("the HTTP filters do not end in admission, router")
        bounds = [number(child(config, "max_request_bytes")) for config in filters]
        if not any(bounds[:1]):
            yield place.breaks("the first HTTP filter bounds no body: one without a declared length has no end")
        if not place.message.get("early_header_mutation_extensions"):
            yield place.breaks("internal headers are not stripped before admission")
        is_remote = place.message.get("use_remote_address") is True
        if place.message.get("internal_address_config") != NOBODY_INTERNAL or not is_remote:
            yield place.breaks("someone is internal: they could steer retries and timeouts by headers")
        for key in ("request_timeout", "request_headers_timeout", "stream_idle_timeout"):
            if text(place.message.get(key)) in {"", "0s"}:
                yield place.breaks(f"{key} is not set: a slow client stays for ever")


def _unread_answers(everywhere: Sequence[Place]) -> Iterator[Violation]:
    for place in _of_type(everywhere, _LISTENER):
        if "rds" in str(place.message):
            limit = number(place.message.get("per_connection_buffer_limit_bytes"))
            if limit < WRITE_BUFFER_BYTES:
                yield place.breaks(f"per_connection_buffer_limit_bytes is below {WRITE_BUFFER_BYTES}: {_UNREAD}")
    for place in _of_type(everywhere, CONNECTION_MANAGER):
        window = number(child(place.message, "http2_protocol_options", "initial_stream_window_size"))
        if "rds" in place.message and window < WRITE_BUFFER_BYTES:
            yield place.breaks(f"initial_stream_window_size is below {WRITE_BUFFER_BYTES}: {_UNREAD}")


_UNREAD = "Envoy crashes on a client that does not read"


def _delivery_first(everywhere: Sequence[Place]) -> Iterator[Violation]:
    wanted = [EXTERNAL_PROCESSOR, "envoy.extensions.filters.http.lua.v3.Lua"]
    wanted.append("envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec")
    for place in _clusters(everywhere):
        if not text(place.message.get("name")).startswith(seams.DEPLOYMENT_CLUSTER_PREFIX):
            continue
        configs = [child(item, "typed_config") for item in items(child(_http_options(place.message), "http_filters"))]
        kinds = [text(child(config, "@type")).rpartition("/")[2] for config in configs]
        if kinds != wanted or child(configs[0], "processing_mode") != DELIVERY_MODE:
            yield place.breaks("a deployment's filters are not delivery, attempt rewrite, codec")
        groups = items(child(place.message, "load_assignment", "endpoints"))
        if not any(number(group.get("priority")) == 1 and group.get("lb_endpoints") for group in groups):
            yield place.breaks("no priority-1 endpoint: without one a name that does not resolve ends the plan")


def _default_denies(everywhere: Sequence[Place]) -> Iterator[Violation]:
    full = {text(place.message.get("name")) for place in _clusters(everywhere) if place.message.get("load_assignment")}
    for place in everywhere:
        if "priority_groups" not in place.message:
            continue
        names = [
            text(cluster.get("cluster_name"))
            for group in items(place.message.get("priority_groups"))
            for cluster in items(group.get("clusters"))
        ]
        if names != [seams.DENY_CLUSTER] or seams.DENY_CLUSTER in full:
            yield place.breaks("the default group is not the empty cluster: an undecided request would pass")


def _routes(everywhere: Sequence[Place]) -> Iterator[Violation]:
    for place in everywhere:
        action = place.message.get("route")
        if action is None or "match" not in place.message:
            continue
        if child(action, "inline_cluster_specifier_plugin") is None:
            yield place.breaks("a route names its cluster itself: only admission's order may")
        if child(action, "timeout") != "0s" or not child(action, "idle_timeout"):
            yield place.breaks("timeout is not 0s with an explicit idle_timeout: the defaults cut long answers")
        if child(action, "retry_policy", "refresh_cluster_on_retry") is not True:
            yield place.breaks("refresh_cluster_on_retry is not true: a retry would go to the same deployment")


def _http_options(cluster: Message) -> Message:
    options = child(cluster, "typed_extension_protocol_options", HTTP_OPTIONS)
    return options if isinstance(options, dict) else {}


def _clusters(everywhere: Sequence[Place]) -> list[Place]:
    return _of_type(everywhere, _CLUSTER)


def _of_type(everywhere: Sequence[Place], name: str) -> list[Place]:
    return [place for place in everywhere if place.type_name == name]


_REQUIRED: tuple[Callable[[Sequence[Place]], Iterator[Violation]], ...] = (
    _flow_control,
    _door_clusters,
    _admission_first,
    _unread_answers,
    _delivery_first,
    _default_denies,
    _routes,
)
