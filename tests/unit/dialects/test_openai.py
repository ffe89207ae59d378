import json
from dataclasses import replace

import pytest

from extproc.dialects import openai
from extproc.model.catalog import Deployment, Operation, Timeouts
from extproc.model.exchange import Usage
from extproc.model.ids import DeploymentName
from extproc.model.refusals import Refusal
from extproc.model.secret import Secret

DEPLOYMENT = Deployment(
    name=DeploymentName("main"),
    dialect="openai",
    scheme="https",
    host="api.example",
    port=443,
    base_path="/v1",
    upstream_model="gpt-x-2026",
    operations=frozenset({Operation.CHAT}),
    credential=None,
    timeouts=Timeouts(1, 2, 3, 4),
    max_connections=10,
    ca_file=None,
)
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def read(**fields: object) -> openai.ModelRequest:
    return openai.read_request(Operation.CHAT, json.dumps({**CHAT, **fields}).encode())


def sent_for(request: openai.ModelRequest) -> bytes:
    return openai.OpenAi().write(request, DEPLOYMENT, (), 0.0).body


def refused(**fields: object) -> tuple[str, str | None]:
    with pytest.raises(Refusal) as caught:
        read(**fields)
    return caught.value.kind.code, caught.value.param


@pytest.mark.parametrize("name", ["api_base", "base_url", "api_key", "custom_host", "organization", "extra_headers"])
def test_where_a_request_goes_is_not_the_callers_to_say(name: str) -> None:
    assert refused(**{name: "x"}) == ("forbidden_field", name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", ""),
        ("model", None),
        ("model", ["m"]),
        ("messages", []),
        ("messages", "hi"),
        ("messages", ["hi"]),
        ("stream", "true"),
        ("stream", 1),
        ("n", 0),
        ("n", 1000),
        ("n", True),
        ("max_tokens", -1),
        ("max_tokens", "10"),
        ("max_tokens", 1.0),
        ("max_tokens", True),
        ("max_completion_tokens", 2**63),
        ("stream_options", {"include_usage": True}),
    ],
)
def test_a_field_that_decides_cost_or_form_is_what_the_api_says(name: str, value: object) -> None:
    assert refused(**{name: value}) == ("invalid_request", name)


def test_both_token_limits_at_once_are_refused() -> None:
    assert refused(max_tokens=5, max_completion_tokens=5)[0] == "invalid_request"


def test_unknown_fields_reach_the_provider_untouched() -> None:
    odd = {"x_new": [1, {"y": None}], "temperature": 0.10000000000000001, "seed": 12345678901234567}
    sent = json.loads(sent_for(read(**odd)))
    assert sent == {**CHAT, **odd, "model": "gpt-x-2026"}


def test_usage_is_always_asked_for_in_a_stream() -> None:
    sent = json.loads(sent_for(read(stream=True, stream_options={"x": 1})))
    assert sent["stream_options"] == {"x": 1, "include_usage": True}
    assert not read(stream=True).wants_usage
    assert not read(stream=True, stream_options={"include_usage": False}).wants_usage
    assert read(stream=True, stream_options={"include_usage": True}).wants_usage


def test_a_plain_request_gets_no_stream_options() -> None:
    assert "stream_options" not in json.loads(sent_for(read()))


def test_embeddings_need_an_input() -> None:
    assert openai.read_request(Operation.EMBEDDINGS, b'{"model":"m","input":["a"]}').model == "m"
    with pytest.raises(Refusal):
        openai.read_request(Operation.EMBEDDINGS, b'{"model":"m","input":7}')


def test_the_path_is_the_deployments() -> None:
    other = replace(DEPLOYMENT, base_path="/openai/v2")
    assert openai.OpenAi().write(read(), other, (), 0.0).path == "/openai/v2/chat/completions"
    embeddings = openai.read_request(Operation.EMBEDDINGS, b'{"model":"m","input":"a"}')
    assert openai.OpenAi().write(embeddings, DEPLOYMENT, (), 0.0).path == "/v1/embeddings"


def test_the_credential_is_a_bearer_token() -> None:
    (header,) = openai.OpenAi().write(read(), DEPLOYMENT, (Secret("sk-x"),), 0.0).credentials
    assert (header.name, header.value.reveal()) == ("authorization", "Bearer sk-x")


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}, Usage(3, 4)),
        ({"prompt_tokens": 3}, Usage(3, 0)),
        ({"prompt_tokens": -3, "completion_tokens": 4}, None),
        ({"prompt_tokens": True, "completion_tokens": 4}, None),
        ({"prompt_tokens": "3"}, None),
        (None, None),
        ([], None),
    ],
)
def test_only_believable_usage_counts(usage: object, expected: Usage | None) -> None:
    assert openai.read_usage({"usage": usage}) == expected


@pytest.mark.parametrize(
    ("delta", "expected"),
    [
        ({"role": "assistant"}, False),
        ({"role": "assistant", "content": ""}, False),
        ({"content": "x"}, True),
        ({"tool_calls": [{"index": 0}]}, True),
        ({"refusal": "no"}, True),
        ({"reasoning_content": "hm"}, True),
        ({}, False),
    ],
)
def test_a_role_alone_says_nothing(delta: dict[str, object], expected: bool) -> None:
    assert openai.says_something({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}) is expected


def test_the_special_kinds_of_tokens_are_read_and_never_exceed_their_whole() -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "prompt_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 10, "audio_tokens": 5},
        "completion_tokens_details": {"reasoning_tokens": 30, "audio_tokens": 99},
    }
    assert openai.read_usage({"usage": usage}) == Usage(100, 50, 40, 10, 30, 5, 50)


@pytest.mark.parametrize(
    "details", [None, [], 7, {"cached_tokens": -1}, {"cached_tokens": True}, {"cached_tokens": "9"}]
)
def test_details_that_cannot_be_believed_count_nothing(details: object) -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "prompt_tokens_details": details}
    assert openai.read_usage({"usage": usage}) == Usage(1, 2)


@pytest.mark.parametrize(
    ("details", "is_unknown"),
    [
        ({"prompt_tokens_details": {"cached_tokens": 1, "image_tokens": 1, "text_tokens": 1}}, False),
        ({"completion_tokens_details": {"accepted_prediction_tokens": 1, "dream_tokens": 0}}, False),
        ({"completion_tokens_details": {"dream_tokens": 1}}, True),
        ({"prompt_tokens_details": {"smell_tokens": 2}}, True),
    ],
)
def test_tokens_of_a_kind_that_nobody_knows_are_told(details: dict[str, object], *, is_unknown: bool) -> None:
    usage = openai.read_usage({"usage": {"prompt_tokens": 3, "completion_tokens": 2, **details}})
    assert usage is not None
    assert usage.has_unknown_kinds is is_unknown
