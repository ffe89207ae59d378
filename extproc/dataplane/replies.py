"""Envoy's own replies in the shape callers know: which cause gives which row of ``model.refusals``.

A cause is told by a response flag or by the response code details, never by the status alone: that would rewrite the
replies that admission sends through Envoy too. Sources: Envoy docs, "Response flags" and "Response code details".
"""

import json
from collections.abc import Sequence

from extproc.dataplane.typed import Message, extension
from extproc.model import refusals, seams
from extproc.model.error_shapes import openai_error
from extproc.model.refusals import Kind

JSON_TYPE = "application/json"


def body_of(kind: Kind) -> str:
    """The error body, as the OpenAI API reference has it."""
    return json.dumps(openai_error(kind), ensure_ascii=False)


def local_replies() -> Message:
    """``LocalReplyConfig``: the first mapper that fits decides, so the order is from the special to the general."""
    return {
        "mappers": [
            # A door failed or hung: the flag is empty, only the details tell.
            _when_details(["ext_proc_error"], refusals.GATEWAY_UNAVAILABLE),
            _when_details(["request_payload_too_large"], refusals.REQUEST_TOO_LARGE),
            _when_details(["request_overall_timeout", "request_header_timeout"], refusals.REQUEST_TIMEOUT),
            _when_flags(["OM"], refusals.GATEWAY_UNAVAILABLE),
            _when_details(["overload"], refusals.GATEWAY_UNAVAILABLE),
            # An absolute-form target or OPTIONS *: Envoy says 404, but it was never a path.
            _when_details(["absolute_path_rejected"], refusals.INVALID_REQUEST),
            # Malformed HTTP; the status says what exactly (400, 403, 426, 431), and stays.
            _when_flags(["DPE"], refusals.INVALID_REQUEST, keeps_status=True),
            _when_details(_MALFORMED, refusals.INVALID_REQUEST, keeps_status=True),
            _when_flags(["NR"], refusals.UNKNOWN_PATH),
            # Admission did not decide: the default group's cluster has no endpoints.
            # Both conditions: until it has decided, admission's own replies are in that cluster too.
            _when(
                f'xds.cluster_name == "{seams.DENY_CLUSTER}" && response.code_details == "no_healthy_upstream"',
                refusals.GATEWAY_UNAVAILABLE,
            ),
            _when_flags(["NC"], refusals.GATEWAY_UNAVAILABLE),
            _when_flags(["UT", "DT", "SI"], refusals.UPSTREAM_TIMEOUT),
            _when_flags(["UH", "UF", "UC", "UR", "LR", "UO", "UPE", "URX"], refusals.UPSTREAM_UNAVAILABLE),
        ]
    }


_MALFORMED = (
    "http.",
    "http1.",
    "http2.",
    "missing_host_header",
    "missing_path_rejected",
    "path_normalization_failed",
    "filter_chain_not_found",
    "invalid_",
    "low_version",
    "upgrade_failed",
    "request_headers_failed_strict_check",
)


def _when_flags(flags: list[str], kind: Kind, *, keeps_status: bool = False) -> Message:
    return _mapper({"response_flag_filter": {"flags": flags}}, kind, keeps_status=keeps_status)


def _when_details(beginnings: Sequence[str], kind: Kind, *, keeps_status: bool = False) -> Message:
    tests = [f'response.code_details.startsWith("{beginning}")' for beginning in beginnings]
    return _when(" || ".join(tests), kind, keeps_status=keeps_status)


def _when(expression: str, kind: Kind, *, keeps_status: bool = False) -> Message:
    cel = extension(
        "envoy.access_loggers.extension_filters.cel",
        "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
        expression=expression,
    )
    return _mapper({"extension_filter": cel}, kind, keeps_status=keeps_status)


def _mapper(condition: Message, kind: Kind, *, keeps_status: bool) -> Message:
    return {
        "filter": condition,
        **({} if keeps_status else {"status_code": kind.status}),
        "body": {"inline_string": body_of(kind)},
        "body_format_override": {
            "text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"},
            "content_type": JSON_TYPE,
        },
        # Where headers could not be read there is no id yet; where there is one, Envoy puts it in this one's place.
        "headers_to_add": [
            {
                "header": {"key": "x-request-id", "value": "%UNIQUE_ID%"},
                "append_action": "ADD_IF_ABSENT",
            }
        ],
    }
