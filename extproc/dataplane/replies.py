"""Envoy's own replies in the shape callers know: which cause gives which row of ``model.refusals``.

A cause is told by a response flag or by the response code details, never by the status alone: that would rewrite the
replies that admission sends through Envoy too. Each cause is told in the client's dialect, which admission says once it
has decided, and the path before that. Sources: Envoy docs, "Response flags" and "Response code details".
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from extproc.dataplane.typed import Message, extension
from extproc.model import refusals, seams
from extproc.model.error_shapes import anthropic_error, openai_error
from extproc.model.refusals import Kind

JSON_TYPE = "application/json"


def body_of(kind: Kind, surface: str = "openai") -> str:
    """The error body, as the client's dialect has it."""
    return json.dumps(anthropic_error(kind) if surface == "anthropic" else openai_error(kind), ensure_ascii=False)


def local_replies() -> Message:
    """``LocalReplyConfig``: the first mapper that fits decides, so the order is from the special to the general."""
    return {"mappers": [mapper for cause in _causes() for mapper in (_for_anthropic(cause), _mapper(cause))]}


@dataclass(frozen=True, slots=True)
class _Cause:
    """What Envoy can see, and what it means."""

    condition: Message
    kind: Kind
    keeps_status: bool


def _causes() -> list[_Cause]:
    return [
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
        # What ``routes`` answers by itself has the one body that a route can have.
        _when_direct(refusals.UNKNOWN_PATH),
        _when_direct(refusals.UNKNOWN_HOST),
        _when_direct(refusals.REQUEST_TOO_LARGE),
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


def _surface_is_anthropic(*, if_undecided: bool) -> Message:
    matcher: Message = {
        "filter": seams.NAMESPACE_CONTEXT,
        "path": [{"key": seams.SURFACE_FIELD}],
        "value": {"string_match": {"exact": "anthropic"}},
    }
    return {"metadata_filter": {"matcher": matcher, "match_if_key_not_found": if_undecided}}


def _path_is(regex: str) -> Message:
    return {"header_filter": {"header": {"name": ":path", "string_match": {"safe_regex": {"regex": regex}}}}}


_IS_VERSIONED: Message = {"header_filter": {"header": {"name": seams.VERSION_HEADER, "present_match": True}}}

# By the time of a last failure the path is a provider's: it tells only while admission has not decided.
_FOR_ANTHROPIC: Sequence[Message] = (
    _surface_is_anthropic(if_undecided=True),
    {
        "or_filter": {
            "filters": [
                _surface_is_anthropic(if_undecided=False),
                _path_is(seams.MESSAGES_PATH),
                {"and_filter": {"filters": [_path_is(seams.MODELS_PATH), _IS_VERSIONED]}},
            ]
        }
    },
)


def _for_anthropic(cause: _Cause) -> Message:
    condition = {"and_filter": {"filters": [*_FOR_ANTHROPIC, cause.condition]}}
    return _mapper(replace(cause, condition=condition), "anthropic")


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


def _when_flags(flags: list[str], kind: Kind, *, keeps_status: bool = False) -> _Cause:
    return _Cause({"response_flag_filter": {"flags": flags}}, kind, keeps_status)


def _when_details(beginnings: Sequence[str], kind: Kind, *, keeps_status: bool = False) -> _Cause:
    tests = [f'response.code_details.startsWith("{beginning}")' for beginning in beginnings]
    return _when(" || ".join(tests), kind, keeps_status=keeps_status)


def _when_direct(kind: Kind) -> _Cause:
    return _when(f'response.code_details == "direct_response" && response.code == {kind.status}', kind)


def _when(expression: str, kind: Kind, *, keeps_status: bool = False) -> _Cause:
    cel = extension(
        "envoy.access_loggers.extension_filters.cel",
        "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
        expression=expression,
    )
    return _Cause({"extension_filter": cel}, kind, keeps_status)


def _mapper(cause: _Cause, surface: str = "openai") -> Message:
    named = [_id_header("request-id", "%REQ(x-request-id)%")] if surface == "anthropic" else []
    return {
        "filter": cause.condition,
        **({} if cause.keeps_status else {"status_code": cause.kind.status}),
        "body": {"inline_string": body_of(cause.kind, surface)},
        "body_format_override": {
            "text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"},
            "content_type": JSON_TYPE,
        },
        # Where headers could not be read there is no id yet; where there is one, Envoy puts it in this one's place.
        "headers_to_add": [_id_header("x-request-id", "%UNIQUE_ID%"), *named],
    }


def _id_header(name: str, value: str) -> Message:
    return {"header": {"key": name, "value": value}, "append_action": "ADD_IF_ABSENT"}
