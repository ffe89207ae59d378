"""The journal: one OpenTelemetry record per attempt and per finished request. Fields are named one by one.

The classic gRPC access log is not used: it ships all dynamic metadata, bodies and credentials included. No path is
logged, because a query may hold a key. Read ``extproc.wire`` for the receiver; the attributes here are its contract.
"""

from extproc.dataplane.doors import journal_retry
from extproc.dataplane.typed import Message, Value, extension, seconds
from extproc.model import seams

OPEN_TELEMETRY = "envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig"

_FLUSH_INTERVAL_S = 0.25
_BUFFER_BYTES = 16384
_EXPORT_TIMEOUT_S = 120.0
"""As long as Envoy keeps a batch while no worker takes it. One that is killed is back in seconds."""
_CONTEXT = f"%DYNAMIC_METADATA({seams.NAMESPACE_CONTEXT}:{seams.CONTEXT_FIELD})%"
# What could not be read as HTTP has no id of the request, only the one its local reply was given.
_REQUEST_ID = '%COALESCE({"operators":["STREAM_ID",{"command":"RESP","param":"X-REQUEST-ID"}]})%'
_COMMON = {
    "code": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "duration_ms": "%DURATION%",
    "cluster": "%UPSTREAM_CLUSTER%",
    "method": "%REQ(:METHOD)%",
    "protocol": "%PROTOCOL%",
}


def exchange_log() -> Message:
    """One record per finished client request; goes into the connection manager."""
    fields = {
        **_COMMON,
        "request_id": _REQUEST_ID,
        "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "context": _CONTEXT,
        "peer": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
        "request_bytes": "%BYTES_RECEIVED%",
        "response_bytes": "%BYTES_SENT%",
    }
    return _logger("gateway.journal.exchange", seams.LOG_EXCHANGE, fields)


def attempt_log() -> Message:
    """One record per upstream attempt; goes into the router's ``upstream_log``.

    Such a record has no stream id, no dynamic metadata and no response code details, and its attempt count is always 0
    (each was tried). A plan has each deployment once, so the cluster says which attempt it was.
    """
    fields = {
        **_COMMON,
        "request_id": "%REQ(X-REQUEST-ID)%",
        "retry_after": "%RESP(RETRY-AFTER)%",
        "transport_failure": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
        # Counted from the upstream's side: what was sent is the request.
        "request_bytes": "%BYTES_SENT%",
        "response_bytes": "%BYTES_RECEIVED%",
    }
    return _logger("gateway.journal.attempt", seams.LOG_ATTEMPT, fields)


def _logger(name: str, kind: str, fields: dict[str, str]) -> Message:
    attributes: list[Value] = [{"key": "kind", "value": {"string_value": kind}}]
    attributes += [{"key": key, "value": {"string_value": operator}} for key, operator in sorted(fields.items())]
    return extension(
        name,
        OPEN_TELEMETRY,
        log_name=name,
        # A batch may come twice because of it; an attempt and an exchange are named by their ids.
        grpc_service={
            "envoy_grpc": {"cluster_name": seams.JOURNAL_CLUSTER},
            "timeout": seconds(_EXPORT_TIMEOUT_S),
            "retry_policy": journal_retry(),
        },
        buffer_flush_interval=seconds(_FLUSH_INTERVAL_S),
        buffer_size_bytes=_BUFFER_BYTES,
        disable_builtin_labels=True,
        attributes={"values": attributes},
        stat_prefix=kind,
    )
