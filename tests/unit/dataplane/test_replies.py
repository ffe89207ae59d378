"""Envoy's own replies: what a caller is told for each cause."""

import json
from typing import Any

import pytest

from extproc.dataplane.replies import body_of, local_replies
from extproc.model import refusals
from extproc.model.refusals import Kind

MAPPERS: Any = local_replies()["mappers"]


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
    (found,) = (each for each in MAPPERS if "xds.cluster_name" in json.dumps(each["filter"]))
    expression = found["filter"]["extension_filter"]["typed_config"]["expression"]
    assert '"deny"' in expression
    assert "no_healthy_upstream" in expression
    assert found["status_code"] == 503
    assert found["body"]["inline_string"] == body_of(refusals.GATEWAY_UNAVAILABLE)


@pytest.mark.parametrize("index", range(len(MAPPERS)))
def test_every_reply_is_json_with_an_id_and_text_of_ours_alone(index: int) -> None:
    found = MAPPERS[index]
    assert found["body_format_override"]["content_type"] == "application/json"
    (header,) = found["headers_to_add"]
    assert (header["header"]["key"], header["append_action"]) == ("x-request-id", "ADD_IF_ABSENT")
    known = {body_of(kind) for kind in vars(refusals).values() if isinstance(kind, Kind)}
    assert found["body"]["inline_string"] in known
