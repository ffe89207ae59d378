"""The two ext_proc filters, admission and delivery, with the processing modes they are held to by ``lint``."""

from extproc.dataplane.typed import Message, extension, seconds, typed
from extproc.model import seams

ADMISSION = "gateway.admission"
EXTERNAL_PROCESSOR = "envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor"

ADMISSION_MODE: Message = {
    "request_header_mode": "SEND",
    "request_body_mode": "BUFFERED",
    "request_trailer_mode": "SKIP",
    "response_header_mode": "SKIP",
    "response_body_mode": "NONE",
    "response_trailer_mode": "SKIP",
}
DELIVERY_MODE: Message = {
    "request_header_mode": "SKIP",
    "request_body_mode": "NONE",
    "request_trailer_mode": "SKIP",
    "response_header_mode": "SEND",
    "response_body_mode": "FULL_DUPLEX_STREAMED",
    "response_trailer_mode": "SEND",
}
NOT_ASKED = typed("envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute", disabled=True)
"""For a route that Envoy answers by itself; ``lint`` takes it nowhere else."""

_MAX_MESSAGE_TIMEOUT_S = 3600.0  # the field's own upper bound
_JOURNAL_TRY_S = 5.0


def admission(message_timeout_s: float) -> Message:
    """The router-level filter: judges one request once, whatever the number of attempts."""
    return extension(
        ADMISSION,
        EXTERNAL_PROCESSOR,
        **_common(seams.DOOR_ADMISSION, message_timeout_s),
        processing_mode=ADMISSION_MODE,
        request_attributes=["request.protocol", "source.address"],
        metadata_options={
            "receiving_namespaces": {
                "untyped": [
                    seams.NAMESPACE_ORDER,
                    seams.NAMESPACE_CONTEXT,
                    seams.NAMESPACE_SEALED,
                    seams.NAMESPACE_ATTEMPT,
                ]
            }
        },
    )


def delivery(longest_attempt_s: float) -> Message:
    """The upstream filter of one deployment: judges one attempt's response."""
    return extension(
        "gateway.delivery",
        EXTERNAL_PROCESSOR,
        # Delivery keeps its own deadlines; Envoy's must not cut headers that are held until the first token.
        **_common(seams.DOOR_DELIVERY, longest_attempt_s),
        processing_mode=DELIVERY_MODE,
        response_attributes=["xds.cluster_name", "upstream.request_attempt_count"],
        metadata_options={"forwarding_namespaces": {"untyped": [seams.NAMESPACE_CONTEXT, seams.NAMESPACE_SEALED]}},
    )


def _common(door: str, message_timeout_s: float) -> Message:
    return {
        "grpc_service": {
            "envoy_grpc": {"cluster_name": seams.EXTPROC_CLUSTER},
            "initial_metadata": [{"key": seams.DOOR_KEY, "value": door}],
            "retry_policy": worker_retry(message_timeout_s),
        },
        "message_timeout": seconds(min(message_timeout_s, _MAX_MESSAGE_TIMEOUT_S)),
        # Admission sets the attempt limits (x-envoy-…), delivery the final status; both write :path, host and status.
        "mutation_rules": {"allow_all_routing": True, "allow_envoy": True},
        # A door that failed is our own fault, whichever way it failed: never the caller's, never an open door.
        "failure_mode_allow": False,
        "allow_mode_override": False,
        "status_on_error": {"code": "ServiceUnavailable"},
        "stat_prefix": door,
    }


def worker_retry(longest_call_s: float) -> Message:
    """For a worker that is restarting: the call is made again elsewhere, as long as nothing was answered."""
    # Three retries from 2 ms never come near the longest interval, which is a call's time limit too.
    return _retry(3, 0.002, min(longest_call_s, _MAX_MESSAGE_TIMEOUT_S))


def journal_retry() -> Message:
    """For all workers of a host that are gone at once: what they were to record is kept until one is back.

    The pauses are random, up to 25 ms at first and up to 5 s in the end: 60 of them are about two minutes.
    """
    return _retry(60, 0.025, _JOURNAL_TRY_S)


def _retry(times: int, base_s: float, longest_s: float) -> Message:
    return {
        # cancelled: what a draining gRPC server says to a call that comes on a connection it is about to close.
        "retry_on": "cancelled,connect-failure,gateway-error,refused-stream,reset,unavailable",
        "num_retries": times,
        # Envoy takes max_interval of a gRPC retry for the time limit of each try too: at 10 ms a busy worker lost whole
        # batches of the journal and was ejected for it.
        "retry_back_off": {"base_interval": seconds(base_s), "max_interval": seconds(longest_s)},
        "retry_host_predicate": [
            extension(
                "envoy.retry_host_predicates.previous_hosts",
                "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
            )
        ],
        "host_selection_retry_max_attempts": 5,
    }
