import json
from pathlib import Path
from typing import Any

import pytest

from extproc.dialects.openai import OpenAi
from extproc.dialects.registry import DIALECTS
from extproc.exchange.plain_body import FailedAttempt, PlainBody
from extproc.model.refusals import UPSTREAM_ERROR, UPSTREAM_INVALID, UPSTREAM_TOO_LARGE
from tests.unit.exchange.worlds import at_once, voice

MISTAKES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "golden" / "mistakes" / "recorded.json").read_text()
)


def failed(body: PlainBody, data: bytes, *, is_last: bool = True) -> FailedAttempt:
    with pytest.raises(FailedAttempt) as caught:
        at_once(body.feed(data, is_last=is_last))
    return caught.value


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"<html>", b"{" * 100_000])
def test_an_answer_that_is_no_object_is_not_passed_on(data: bytes) -> None:
    assert failed(PlainBody(OpenAi(), voice(), 200, 10**6), data).kind is UPSTREAM_INVALID


def test_a_200_with_an_error_inside_is_an_error() -> None:
    assert failed(PlainBody(OpenAi(), voice(), 200, 1000), b'{"error":{"message":"overloaded"}}').kind is UPSTREAM_ERROR


def test_an_answer_beyond_the_limit_is_given_up_before_its_end() -> None:
    body = PlainBody(OpenAi(), voice(), 200, 10)
    assert at_once(body.feed(b"x" * 10, is_last=False)) == b""
    assert failed(body, b"x", is_last=False).kind is UPSTREAM_TOO_LARGE


def test_an_errors_text_is_read_no_further_than_an_error_needs() -> None:
    assert failed(PlainBody(OpenAi(), voice(), 500, 10**9), b"x" * 70_000, is_last=False).kind is UPSTREAM_ERROR


def test_a_callers_mistake_is_final_and_its_text_bounded() -> None:
    failure = failed(PlainBody(OpenAi(), voice(), 400, 1000), b'{"error":{"message":"' + b"x" * 900 + b'"}}')
    assert failure.is_final
    assert failure.status == 400
    assert failure.body is not None
    assert len(failure.body) < 700


@pytest.mark.parametrize("case", MISTAKES, ids=[case["name"] for case in MISTAKES])
def test_a_recorded_error_is_the_callers_or_ours_and_tells_nothing_of_us(case: dict[str, Any]) -> None:
    body = PlainBody(DIALECTS[case["dialect"]], voice(), case["status"], 100_000)
    failure = failed(body, json.dumps(case["body"]).encode())
    shown = json.loads(failure.body)["error"] if failure.body else {"code": failure.kind.code}
    told = (shown["code"], failure.status or failure.kind.status, shown.get("message"), failure.is_final)
    assert told == (case["code"], case["http"], case["shown"], case["is_final"])
    assert failure.kind.code == case["code"]


def test_half_of_a_secret_is_not_shown_where_a_long_message_ends() -> None:
    text = "https://h.example/ " * 105 + "sk-secret"
    failure = failed(PlainBody(OpenAi(), voice(), 400, 10_000), json.dumps({"error": {"message": text}}).encode())
    assert b"sk" not in (failure.body or b"sk")


def test_the_models_name_at_the_provider_is_not_told() -> None:
    body = PlainBody(OpenAi(), voice(), 400, 10_000, "acme-prod-4")
    failure = failed(body, b'{"error":{"message":"acme-prod-4 takes no images"}}')
    assert b'"message":"*** takes no images"' in (failure.body or b"")


def test_the_text_of_a_whole_answer_is_counted() -> None:
    body = PlainBody(OpenAi(), voice(), 200, 10_000)
    data = b'{"choices":[{"index":0,"message":{"content":"hi"}},{"index":1,"message":{"content":"ho"}}]}'
    at_once(body.feed(data, is_last=True))
    assert body.answer_bytes == len("hiho")
