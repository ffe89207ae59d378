"""The whole dialect against its golden files; what each file decides is tested beside it."""

import json
from typing import Any

import pytest

from extproc.dialects.dialect import ProviderFailed, Unreadable
from extproc.dialects.vertex import Vertex
from extproc.model.secret import Secret
from tests.vertex_goldens import GOLDENS, PLAIN, deployment, judged


@pytest.mark.parametrize("name", GOLDENS)
def test_a_request_is_sent_as_its_golden_says(name: str) -> None:
    golden = GOLDENS[name]
    outgoing = Vertex().write(judged(golden["request"]), deployment(golden["model"]), (), 0.0)
    assert {"path": outgoing.path, "body": json.loads(outgoing.body)} == golden["sent"]


@pytest.mark.parametrize("name", PLAIN)
def test_an_answer_is_read_as_its_golden_says(name: str) -> None:
    golden = GOLDENS[name]
    answer = Vertex().read_answer(json.dumps(golden["response"]).encode())
    assert json.loads(answer.body) == golden["answer"]
    usage = golden["answer"]["usage"]
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (
        usage["prompt_tokens"],
        usage["completion_tokens"],
    )
    assert answer.usage.cached_tokens == usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)


def test_the_access_token_is_the_only_credential() -> None:
    outgoing = Vertex().write(judged({}), deployment(), (Secret("ya29.x"),), 0.0)
    ((name, value),) = ((each.name, each.value.reveal()) for each in outgoing.credentials)
    assert (name, value) == ("authorization", "Bearer ya29.x")
    assert dict(outgoing.headers) == {"content-type": "application/json", "user-agent": "extproc"}


def test_nothing_in_a_path_can_name_another_place() -> None:
    target = deployment("gemini@001/../x?y", project="example.com:acme", location="a/b")
    path = Vertex().write(judged({}), target, (), 0.0).path
    assert path == (
        "/v1/projects/example.com:acme/locations/a%2Fb/publishers/google/models/gemini@001%2F..%2Fx%3Fy:generateContent"
    )


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{}", b'{"candidates":[]}', b"\xff", b'{"candidates":{}}'])
def test_what_is_not_an_answer_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        Vertex().read_answer(body)


@pytest.mark.parametrize("text", [r"\ud800", 'x", "y": NaN, "z": "'])
def test_what_no_client_could_parse_is_unreadable(text: str) -> None:
    body = (
        '{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":"%s"}}}]},"finishReason":"STOP"}]}'
    )
    with pytest.raises(Unreadable):
        Vertex().read_answer((body % text).encode())


def test_an_error_in_place_of_an_answer_is_a_failure() -> None:
    with pytest.raises(ProviderFailed):
        Vertex().read_answer(b'{"error":{"code":500,"message":"x","status":"INTERNAL"}}')


def mistake(message: object, status: str = "INVALID_ARGUMENT") -> dict[str, Any]:
    return {"error": {"code": 400, "message": message, "status": status}}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (mistake("Function call is missing."), "Function call is missing."),
        ([mistake("The stream's form.")], "The stream's form."),
        (mistake("User location is not supported.", "FAILED_PRECONDITION"), None),
        (mistake(7), None),
        ({"error": "x"}, None),
        ({}, None),
        ("x", None),
    ],
)
def test_a_mistake_is_told_only_where_it_is_about_the_arguments(body: object, message: str | None) -> None:
    assert Vertex().read_mistake(json.dumps(body).encode()).message == message
