"""The listener applications connect to: how HTTP is read, what is stripped first, and the order of the filters."""

from extproc.config.gateway import Endpoint, Gateway
from extproc.dataplane.doors import admission
from extproc.dataplane.journal import attempt_log, exchange_log
from extproc.dataplane.replies import local_replies
from extproc.dataplane.routes import ROUTES_NAME, body_limit
from extproc.dataplane.target import Target
from extproc.dataplane.typed import Message, extension, seconds, tcp_address

CONNECTION_MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = "envoy.extensions.filters.http.router.v3.Router"
CERTIFICATE_NAME = "listener"

WRITE_BUFFER_BYTES = 2**31 - 1
"""What Envoy may hold of answers that a client does not read: of a connection, and over HTTP/2 of a stream, whose
limit is the window it announces. More than ever comes: at this limit Envoy 1.40 tells the upstream to pause, and where
the provider has said all while delivery has not, that stream is gone and Envoy crashes. Answers are bounded by
delivery, their sum by the overload manager; requests, which it would bound too, by ``routes`` and BODY_LIMIT."""

_OVERHEAD_BYTES = 1024 * 1024
"""What an answer may grow by on its way through delivery and HTTP/2."""

# Nobody is internal, not even loopback, so nobody may steer retries and timeouts by headers. Left empty, Envoy 1.40
# takes loopback and private networks for internal; this range has no client in it.
NOBODY_INTERNAL: Message = {"cidr_ranges": [{"address_prefix": "0.0.0.0", "prefix_len": 32}], "unix_sockets": False}

# Only Envoy and our own doors may set these; Envoy does not strip them itself.
_INTERNAL_PREFIXES = ("x-gateway-", "x-envoy-", "x-forwarded-")
_INTERNAL_HEADERS = (
    "cf-connecting-ip",
    "forwarded",
    "true-client-ip",
    "via",
    "x-client-ip",
    "x-client-trace-id",
    "x-cluster-client-ip",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-method",
    "x-original-url",
    "x-real-ip",
    "x-request-id",
    "x-rewrite-url",
)


def file_source(target: Target, name: str) -> Message:
    """A ``ConfigSource`` that reads one rendered file and follows the swap of its directory."""
    return {
        "resource_api_version": "V3",
        "path_config_source": {"path": target.file(name), "watched_directory": {"path": str(target.directory)}},
    }


def main_listener(gateway: Gateway, target: Target) -> Message:
    """The ``Listener`` for applications."""
    return {
        "name": "gateway",
        "address": _address(target.listen(gateway)),
        "per_connection_buffer_limit_bytes": WRITE_BUFFER_BYTES,
        "filter_chains": [
            {
                "filters": [_connection_manager(gateway, target)],
                **({} if gateway.listener.tls is None else {"transport_socket": _tls(target)}),
                "transport_socket_connect_timeout": seconds(gateway.limits.request_headers_timeout_s),
            }
        ],
    }


def certificate(gateway: Gateway) -> Message | None:
    """The ``Secret`` behind the listener's TLS; None without TLS. Envoy follows changes of the files themselves."""
    tls = gateway.listener.tls
    if tls is None:
        return None
    return {
        "name": CERTIFICATE_NAME,
        "tls_certificate": {
            "certificate_chain": {"filename": tls.cert_file},
            "private_key": {"filename": tls.key_file},
        },
    }


def _address(endpoint: Endpoint) -> Message:
    return tcp_address(endpoint.address, endpoint.port)


def _tls(target: Target) -> Message:
    return extension(
        "envoy.transport_sockets.tls",
        "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        common_tls_context={
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "tls_certificate_sds_secret_configs": [
                {"name": CERTIFICATE_NAME, "sds_config": file_source(target, "sds.json")}
            ],
        },
    )


def _connection_manager(gateway: Gateway, target: Target) -> Message:
    return extension(
        "envoy.filters.network.http_connection_manager",
        CONNECTION_MANAGER,
        stat_prefix="gateway",
        codec_type="AUTO",
        server_name="gateway",
        rds={"route_config_name": ROUTES_NAME, "config_source": file_source(target, "rds.json")},
        http_filters=[
            body_limit(gateway),
            admission(gateway.limits.admission_timeout_s),
            # The router would otherwise tell providers its time-out and clients its own timing.
            extension("envoy.filters.http.router", ROUTER, suppress_envoy_headers=True, upstream_log=[attempt_log()]),
        ],
        access_log=[exchange_log()],
        local_reply_config=local_replies(),
        **_identity(),
        **_paths(),
        **_limits(gateway),
    )


def _identity() -> Message:
    """Who a request comes from, and its id: decided here, never by what the request says of itself."""
    return {
        "early_header_mutation_extensions": [
            extension(
                "envoy.http.early_header_mutation.header_mutation",
                "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
                mutations=[
                    *({"remove_on_match": {"key_matcher": {"prefix": prefix}}} for prefix in _INTERNAL_PREFIXES),
                    *({"remove": name} for name in _INTERNAL_HEADERS),
                ],
            )
        ],
        "use_remote_address": True,
        "internal_address_config": NOBODY_INTERNAL,
        "generate_request_id": True,
        "preserve_external_request_id": False,
        "always_set_request_id_in_response": True,
    }


def _paths() -> Message:
    """One spelling of each path, or a refusal."""
    return {
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
    }


def _limits(gateway: Gateway) -> Message:
    limits = gateway.limits
    return {
        "request_timeout": seconds(limits.request_timeout_s),
        "request_headers_timeout": seconds(limits.request_headers_timeout_s),
        "stream_idle_timeout": seconds(limits.stream_idle_timeout_s),
        "drain_timeout": seconds(limits.drain_timeout_s),
        "max_request_headers_kb": limits.max_headers_kib,
        "common_http_protocol_options": {
            "idle_timeout": "300s",
            "max_headers_count": 100,
            # x_gateway_key and x-gateway-key are one name to some servers.
            "headers_with_underscores_action": "DROP_HEADER",
        },
        "http_protocol_options": {
            # GET http://other/v1 would replace the Host that was checked.
            "allow_absolute_url": False,
            "accept_http_10": False,
            "enable_trailers": False,
        },
        "http2_protocol_options": {
            # Their answers together fit into the connection's buffer, should nobody read them.
            "max_concurrent_streams": max(
                1, min(256, WRITE_BUFFER_BYTES // (limits.max_response_bytes + _OVERHEAD_BYTES))
            ),
            "initial_stream_window_size": WRITE_BUFFER_BYTES,
            "initial_connection_window_size": 1024 * 1024,
        },
    }
