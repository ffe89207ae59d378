"""Claude on Vertex AI: Anthropic's goldens at Vertex's paths, and the same from the SDK's Vertex client."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from anthropic import AsyncAnthropicVertex

from extproc.dialects.anthropic import Anthropic
from extproc.dialects.vertex_anthropic import VertexAnthropic
from extproc.model.catalog import Deployment
from extproc.model.refusals import Refusal
from extproc.model.secret import Secret
from tests import vertex_goldens
from tests.e2e.provider import Provider, Turn
from tests.unit.dialects.anthropic_goldens import CASES, PLAIN, STREAMED, asking, chunks_of, judged, said, stream_of

MODEL = "claude-x@20260801"
PLACE = f"/v1/projects/acme-prod/locations/europe-west4/publishers/anthropic/models/{MODEL}"
VERSION = "vertex-2023-10-16"


def deployment(**options: str) -> Deployment:
    common = {"version": VERSION, "max_tokens": "4096", "sampling": "send"}
    return vertex_goldens.deployment(MODEL, **{**common, **options})


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider().start()
    yield provider
    provider.stop()


@pytest.fixture
async def sdk(provider: Provider) -> AsyncIterator[AsyncAnthropicVertex]:
    async with AsyncAnthropicVertex(
        region="europe-west4",
        project_id="acme-prod",
        access_token="ya29.x",
        base_url=f"http://127.0.0.1:{provider.port}/v1",
        max_retries=0,
    ) as client:
        yield client


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_request_is_anthropics_without_its_model(case: dict[str, Any]) -> None:
    outgoing = VertexAnthropic().write(judged(case["request"]), deployment(), (), 0.0)
    sent = {name: value for name, value in case["sent"].items() if name != "model"}
    assert json.loads(outgoing.body) == {"anthropic_version": VERSION, **sent}
    assert outgoing.path == f"{PLACE}:{'streamRawPredict' if sent.get('stream') else 'rawPredict'}"
    assert dict(outgoing.headers) == {"content-type": "application/json", "user-agent": "extproc"}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_the_sdk_sends_the_same_as_we_do(
    provider: Provider, sdk: AsyncAnthropicVertex, case: dict[str, Any]
) -> None:
    async def play(turn: Turn) -> None:
        if "events" in case:
            await turn.open_stream()
            await turn.chunk(stream_of(case["events"]))
            await turn.end()
        else:
            await turn.plain(json.dumps(case["answer"]).encode())

    provider.scripts["answer"] = play
    ours = VertexAnthropic().write(judged(case["request"]), deployment(), (Secret("ya29.x"),), 0.0)
    body = json.loads(ours.body)
    # The SDK's types have neither sampling parameters nor a version: an extra body may send them.
    extra = {name: body[name] for name in ("temperature", "top_p", "top_k", "anthropic_version") if name in body}
    known = {name: value for name, value in body.items() if name not in extra}
    answer = await sdk.messages.create(model=MODEL, **known, extra_body=extra)
    if "events" in case:
        events = [event async for event in answer]
        assert events[-1].type == "message_stop"
    (theirs,) = provider.requests
    assert theirs.line == f"POST {ours.path} HTTP/1.1"
    assert theirs.json == body
    (token,) = ours.credentials
    assert theirs.header(token.name) == token.value.reveal() == "Bearer ya29.x"


@pytest.mark.parametrize("case", PLAIN.values(), ids=PLAIN)
def test_an_answer_is_read_as_anthropics(case: dict[str, Any]) -> None:
    body = json.dumps(case["answer"]).encode()
    assert VertexAnthropic().read_answer(body) == Anthropic().read_answer(body)


@pytest.mark.parametrize("case", STREAMED.values(), ids=STREAMED)
def test_a_stream_is_read_as_anthropics(case: dict[str, Any]) -> None:
    reader = VertexAnthropic().open_stream()
    assert said(reader.feed(stream_of(case["events"]))) == chunks_of(case)
    assert not reader.has_rest


def test_the_version_decides_what_may_be_asked_whatever_its_name() -> None:
    assert (
        json.loads(VertexAnthropic().write(asking(temperature=0.5), deployment(), (), 0.0).body)["temperature"] == 0.5
    )
    for version in ("2026-10-21", "vertex-2026-10-21"):
        with pytest.raises(Refusal):
            VertexAnthropic().write(asking(temperature=0.5), deployment(version=version), (), 0.0)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ({"type": "invalid_request_error", "message": "messages: too long"}, "messages: too long"),
        ({"type": "invalid_request_error", "message": "Your credit balance is too low"}, None),
        ({"code": 400, "status": "INVALID_ARGUMENT", "message": "The body is no JSON."}, "The body is no JSON."),
        ({"code": 400, "status": "FAILED_PRECONDITION", "message": "The model is not enabled."}, None),
        ({"code": 400, "status": "INVALID_ARGUMENT", "message": "There is no contents."}, "There is no contents."),
    ],
)
def test_a_mistake_is_told_by_the_rules_of_whose_error_it_is(error: dict[str, Any], message: str | None) -> None:
    assert VertexAnthropic().read_mistake(json.dumps({"type": "error", "error": error}).encode()).message == message
