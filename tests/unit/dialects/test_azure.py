"""The Azure OpenAI dialect: against its goldens, and against what the real SDK's Azure client sends and reads."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncAzureOpenAI

from extproc.dialects.azure import Azure
from extproc.dialects.dialect import Chunk, Done, Outgoing
from extproc.dialects.mistakes import About, Mistake
from extproc.dialects.openai import read_request
from extproc.exchange.stream_body import StreamBody
from extproc.model.catalog import Deployment, Operation, Timeouts
from extproc.model.exchange import Usage
from extproc.model.ids import DeploymentName
from extproc.model.secret import Secret
from tests.e2e.provider import Provider, Turn
from tests.unit.exchange.worlds import voice

GOLDEN = Path(__file__).parents[2] / "golden" / "azure"
CASES = {path.stem: json.loads(path.read_text()) for path in sorted(GOLDEN.glob("*.json"))}
VERSION = "2024-10-21"
MISTAKE = {
    "error": {
        "message": "The response was filtered due to the prompt triggering Azure's content management policy.",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {}},
    }
}


def deployment(*, auth: str = "api-key", base_path: str = "", model: str = "gpt 4.1/prod") -> Deployment:
    return Deployment(
        name=DeploymentName("azure"),
        dialect="azure",
        scheme="https",
        host="acme.openai.azure.com",
        port=443,
        base_path=base_path,
        upstream_model=model,
        operations=frozenset({Operation.CHAT, Operation.EMBEDDINGS}),
        credential=None,
        timeouts=Timeouts(1, 2, 3, 4),
        max_connections=10,
        ca_file=None,
        options={"api_version": VERSION, "auth": auth},
    )


def sent(request: dict[str, Any], to: Deployment, key: str = "k") -> Outgoing:
    operation = Operation.EMBEDDINGS if "input" in request else Operation.CHAT
    judged = read_request(operation, json.dumps(request).encode())
    return Azure().write(judged, to, (Secret(key),), 0.0)


def events(case: dict[str, Any]) -> bytes:
    lines = [json.dumps(event).encode() for event in case["stream"]] + [b"[DONE]"]
    return b"".join(b"data: " + line + b"\n\n" for line in lines)


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider().start()
    yield provider
    provider.stop()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_request_is_openais_with_the_deployments_name(case: dict[str, Any]) -> None:
    assert json.loads(sent(case["request"], deployment()).body) == case["sent"]


def test_the_path_is_the_deployments_below_the_base_path() -> None:
    request = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    assert sent(request, deployment(model="gpt")).path == (
        f"/openai/deployments/gpt/chat/completions?api-version={VERSION}"
    )
    assert sent({"model": "m", "input": "hi"}, deployment(base_path="/proxy", model="e/1 ?")).path == (
        f"/proxy/openai/deployments/e%2F1%20%3F/embeddings?api-version={VERSION}"
    )


@pytest.mark.parametrize("auth", ["api-key", "entra"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_the_sdks_azure_client_sends_the_same_and_reads_the_answer(
    provider: Provider, case: dict[str, Any], auth: str
) -> None:
    async def play(turn: Turn) -> None:
        if "answer" in case:
            await turn.plain(json.dumps(case["answer"]).encode())
            return
        await turn.open_stream()
        await turn.chunk(events(case))
        await turn.end()

    provider.scripts["answer"] = play
    credential = {"api_key": "k"} if auth == "api-key" else {"azure_ad_token": "k"}
    endpoint = f"http://127.0.0.1:{provider.port}/proxy"
    async with AsyncAzureOpenAI(azure_endpoint=endpoint, api_version=VERSION, max_retries=0, **credential) as client:
        reply = await client.chat.completions.create(**case["request"] | {"model": "gpt 4.1/prod"})
        if "answer" in case:
            assert reply.choices[0].message.content == "Paris."
        else:
            pieces = [chunk async for chunk in reply]
            assert "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices) == "Paris."
    (theirs,) = provider.requests
    ours = sent(case["request"], deployment(auth=auth, base_path="/proxy"))
    assert theirs.line == f"POST {ours.path} HTTP/1.1"
    (proof,) = ours.credentials
    found = {name: value for name, value in theirs.headers if name in {"api-key", "authorization"}}
    assert found == {proof.name: proof.value.reveal()}
    assert theirs.json == {name: value for name, value in case["sent"].items() if name != "stream_options"}


def test_an_open_endpoint_gets_no_credential() -> None:
    request = read_request(Operation.CHAT, b'{"model":"m","messages":[{"role":"user","content":"hi"}]}')
    assert Azure().write(request, deployment(), (), 0.0).credentials == ()


def test_the_filters_results_stay_in_an_answer() -> None:
    body = json.dumps(CASES["answer_with_filter_results"]["answer"]).encode()
    answer = Azure().read_answer(body)
    assert (answer.body, answer.usage) == (body, Usage(19, 2))


def test_a_stream_passes_on_as_it_is_in_any_split() -> None:
    case = CASES["stream_with_filter_results"]
    data = events(case)
    source = random.Random(7)  # noqa: S311 - cuts a stream, guards nothing
    cuts = sorted(source.sample(range(1, len(data)), 40))
    splits = [[data], [data[i : i + 1] for i in range(len(data))]]
    splits.append([data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)])
    for pieces in splits:
        reader = Azure().open_stream()
        items = [item for piece in pieces for item in reader.feed(piece)]
        assert [item.value for item in items if isinstance(item, Chunk)] == case["stream"]
        assert items[-1] == Done()


async def test_a_first_chunk_about_the_prompt_is_held_until_the_answer_begins() -> None:
    body = StreamBody(Azure(), voice(wants_usage=True).open_writer(), max_held_bytes=100_000)
    first, *rest = events(CASES["stream_with_filter_results"]).split(b"\n\n")[:-1]
    assert await body.feed(first + b"\n\n", is_last=False) == b""
    assert b"prompt_filter_results" in await body.feed(b"\n\n".join(rest) + b"\n\n", is_last=True)


def test_a_filtered_prompt_is_told_to_who_wrote_it() -> None:
    mistake = Azure().read_mistake(json.dumps(MISTAKE).encode())
    assert mistake == Mistake(str(MISTAKE["error"]["message"]), "prompt", About.FILTERED)
