"""Envoy's own replies: what a caller is told for each cause."""

import json
from typing import Any

import pytest

from extproc.dataplane.replies import body_of, local_replies
from extproc.model import refusals, seams
from extproc.model.refusals import Kind

MAPPERS: Any = local_replies()["mappers"]
PLAIN = [mapper for mapper in MAPPERS if "and_filter" not in mapper["filter"]]
MESSAGES = [mapper for mapper in MAPPERS if "and_filter" in mapper["filter"]]


def told(*, details: str = "", flag: str = "") -> dict[str, Any]:
    """The first mapper that fits, as Envoy picks it. Expressions of another shape fit nothing here."""
    found: dict[str, Any] = next(mapper for mapper in MAPPERS if _fits(mapper["filter"], details, flag))
    return found


def _fits(condition: dict[str, Any], details: str, flag: str) -> bool:
    flags = condition.get("response_flag_filter", {}).get("flags", [])
    expression = condition.get("extension_filter", {}).get("typed_config", {}).get("expression", "")
    beginnings = [part.split('"')[1] for part in expression.split(" || ") if ".startsWith(" in part]
    return flag in flags or any(details.startswith(beginning) for beginning in beginnings)


def test_an_error_has_the_shape_that_clients_of_openai_know() -> None:
    kind = refusals.UNKNOWN_PATH
    assert json.loads(body_of(kind)) == {
        "error": {"message": kind.message, "type": kind.type, "param": None, "code": kind.code}
    }


@pytest.mark.parametrize(
    ("details", "flag", "kind"),
    [
        ("ext_proc_error_gRPC_error_14", "", refusals.GATEWAY_UNAVAILABLE),
        ("request_payload_too_large", "", refusals.REQUEST_TOO_LARGE),
        ("request_overall_timeout", "", refusals.REQUEST_TIMEOUT),
        ("request_header_timeout", "", refusals.REQUEST_TIMEOUT),
        ("overload", "OM", refusals.GATEWAY_UNAVAILABLE),
        ("absolute_path_rejected", "", refusals.INVALID_REQUEST),
        ("http1.codec_error", "DPE", refusals.INVALID_REQUEST),
        ("", "NR", refusals.UNKNOWN_PATH),
        ("", "NC", refusals.GATEWAY_UNAVAILABLE),
        ("", "UT", refusals.UPSTREAM_TIMEOUT),
        ("", "SI", refusals.UPSTREAM_TIMEOUT),
        ("", "UF", refusals.UPSTREAM_UNAVAILABLE),
        ("", "URX", refusals.UPSTREAM_UNAVAILABLE),
    ],
)
def test_each_cause_is_told_as_what_it_is(details: str, flag: str, kind: Kind) -> None:
    found = told(details=details, flag=flag)
    assert found["body"]["inline_string"] == body_of(kind)
    assert found.get("status_code", kind.status) == kind.status


@pytest.mark.parametrize(
    "details", ["http1.codec_error", "http2.too_many_headers", "missing_host_header", "low_version"]
)
def test_malformed_http_keeps_the_status_that_says_what_is_wrong_with_it(details: str) -> None:
    assert "status_code" not in told(details=details)


def test_what_admission_did_not_decide_is_our_fault_and_not_the_providers() -> None:
    (found,) = (each for each in PLAIN if "xds.cluster_name" in json.dumps(each["filter"]))
    expression = found["filter"]["extension_filter"]["typed_config"]["expression"]
    assert '"deny"' in expression
    assert "no_healthy_upstream" in expression
    assert found["status_code"] == 503
    assert found["body"]["inline_string"] == body_of(refusals.GATEWAY_UNAVAILABLE)


@pytest.mark.parametrize("kind", [refusals.UNKNOWN_PATH, refusals.UNKNOWN_HOST, refusals.REQUEST_TOO_LARGE])
def test_what_routes_answer_is_told_in_the_clients_dialect_too(kind: Kind) -> None:
    expression = f'response.code_details == "direct_response" && response.code == {kind.status}'
    found = [each for each in MAPPERS if expression in json.dumps(each["filter"]).replace('\\"', '"')]
    assert [each["body"]["inline_string"] for each in found] == [body_of(kind, "anthropic"), body_of(kind)]


def test_every_cause_is_told_in_both_dialects_and_the_condition_comes_first() -> None:
    assert MAPPERS[::2] == MESSAGES
    assert MAPPERS[1::2] == PLAIN
    for ours, theirs in zip(PLAIN, MESSAGES, strict=True):
        decided, path, cause = theirs["filter"]["and_filter"]["filters"]
        assert cause == ours["filter"]
        assert theirs.get("status_code") == ours.get("status_code")
        told = json.loads(theirs["body"]["inline_string"])
        assert told["type"] == "error"
        assert told["error"]["code"] == json.loads(ours["body"]["inline_string"])["error"]["code"]
        # What admission says counts wherever it has said something; the path may be a provider's by then.
        assert decided["metadata_filter"]["match_if_key_not_found"] is True
        said, asked, listed = path["or_filter"]["filters"]
        assert said["metadata_filter"] == {**decided["metadata_filter"], "match_if_key_not_found": False}
        assert said["metadata_filter"]["matcher"]["path"] == [{"key": seams.SURFACE_FIELD}]
        assert asked["header_filter"]["header"]["name"] == ":path"
        where, who = (each["header_filter"]["header"] for each in listed["and_filter"]["filters"])
        assert where["string_match"]["safe_regex"]["regex"] == seams.MODELS_PATH
        assert who == {"name": "anthropic-version", "present_match": True}


@pytest.mark.parametrize("index", range(len(MAPPERS)))
def test_every_reply_is_json_with_an_id_and_text_of_ours_alone(index: int) -> None:
    found = MAPPERS[index]
    assert found["body_format_override"]["content_type"] == "application/json"
    headers = [(header["header"]["key"], header["append_action"]) for header in found["headers_to_add"]]
    named = [("request-id", "ADD_IF_ABSENT")] if found in MESSAGES else []
    assert headers == [("x-request-id", "ADD_IF_ABSENT"), *named]
    surface = "anthropic" if found in MESSAGES else "openai"
    known = {body_of(kind, surface) for kind in vars(refusals).values() if isinstance(kind, Kind)}
    assert found["body"]["inline_string"] in known
