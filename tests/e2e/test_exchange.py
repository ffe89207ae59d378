"""Chat completions, embeddings and models through the real Envoy: what an application sees, what a provider gets."""

import json
import threading
import uuid

from openai import AsyncOpenAI

from tests.e2e.provider import ANSWER, Turn, word
from tests.e2e.rig import Rig, chat, error_code
from tests.e2e.rig_values import PROVIDER_KEY, TOKEN


def sdk(rig: Rig) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{rig.url}/v1", api_key=TOKEN, max_retries=0)


async def test_the_openai_sdk_chats_streams_lists_and_embeds(rig: Rig) -> None:
    async with sdk(rig) as openai:
        plain = await openai.chat.completions.create(model="chat", messages=[{"role": "user", "content": "hi"}])
        assert plain.choices[0].message.content == "Hello."
        assert plain.usage is not None
        assert plain._request_id
        stream = await openai.chat.completions.create(
            model="chat", messages=[{"role": "user", "content": "hi"}], stream=True
        )
        pieces = [chunk async for chunk in stream]
        assert "".join(chunk.choices[0].delta.content or "" for chunk in pieces) == "Hello."
        assert all(chunk.usage is None for chunk in pieces)
        models = [model.id async for model in openai.models.list()]
        assert {"chat", "pair"} <= set(models)
        assert (await openai.models.retrieve("chat")).id == "chat"
        vectors = await openai.embeddings.create(model="chat", input="hi", encoding_format="float")
        assert vectors.data[0].embedding == [0.25, -0.5]


async def test_usage_is_forced_upstream_and_shown_only_to_who_asked(rig: Rig) -> None:
    async with sdk(rig) as openai:
        stream = await openai.chat.completions.create(
            model="chat",
            messages=[{"role": "user", "content": "hi"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        last = [chunk async for chunk in stream][-1]
        assert last.usage is not None
        assert last.usage.total_tokens == 5
    name = uuid.uuid4().hex
    async with rig.client() as client:
        response = await client.post("/v1/chat/completions", json=chat(stream=True, x_script=name))
    assert "usage" not in response.text
    (request,) = rig.provider.got(name)
    assert request.json["stream_options"] == {"include_usage": True}


async def test_the_provider_gets_what_we_judged_with_our_credential_and_nothing_of_the_client(rig: Rig) -> None:
    name = uuid.uuid4().hex
    odd = {"x_new_field": [1, {"deep": None}], "temperature": 0.1, "x_script": name}
    headers = {"cookie": "session=1", "x-employee": "a@b", "x-stainless-lang": "python", "accept-encoding": "gzip"}
    async with rig.client(headers=headers) as client:
        response = await client.post(
            "/v1/chat/completions",
            content=json.dumps(chat(**odd), indent=3),
            headers={"content-type": "application/json"},
        )
    assert response.json() == ANSWER
    (request,) = rig.provider.got(name)
    assert request.json == chat(**odd) | {"model": "upstream-main"}
    assert b"\n" not in request.body
    assert request.line == "POST /v1/chat/completions HTTP/1.1"
    assert dict(request.headers) == {
        "host": f"127.0.0.1:{rig.provider.port}",
        "authorization": f"Bearer {PROVIDER_KEY}",
        "content-type": "application/json",
        "content-length": str(len(request.body)),
        "user-agent": "extproc",
        "x-request-id": response.headers["x-request-id"],
    }


async def test_every_answer_has_an_id_and_hides_the_provider(rig: Rig) -> None:
    async def talkative(turn: Turn) -> None:
        await turn.plain(
            json.dumps(ANSWER).encode(), 200, "server: secret-host", "set-cookie: a=b", "x-request-id: theirs"
        )

    rig.provider.scripts["talkative"] = talkative
    async with rig.client(headers={"x-request-id": "mine"}) as client:
        response = await client.post("/v1/chat/completions", json=chat(x_script="talkative"))
    assert response.status_code == 200
    assert response.headers["x-request-id"] not in {"mine", "theirs"}
    assert set(response.headers) == {
        *("content-type", "transfer-encoding", "date", "server", "x-request-id"),
        *("x-gateway-deployment", "x-gateway-attempts", "x-gateway-model"),
    }
    assert response.headers["server"] == "gateway"


async def test_a_stream_arrives_piece_by_piece(rig: Rig) -> None:
    gate = threading.Event()

    async def slow(turn: Turn) -> None:
        await turn.open_stream()
        await turn.event(word("first"))
        await turn.until(gate)
        await turn.event(word("second"))
        await turn.event(b"[DONE]")
        await turn.end()

    rig.provider.scripts["slow"] = slow
    async with (
        rig.client() as client,
        client.stream("POST", "/v1/chat/completions", json=chat(stream=True, x_script="slow")) as response,
    ):
        seen = b""
        async for data in response.aiter_bytes():
            seen += data
            if b"first" in seen and not gate.is_set():
                assert b"second" not in seen
                gate.set()
    assert seen.endswith(b"data: [DONE]\n\n")


async def test_a_dead_provider_is_a_503_in_openai_shape(rig: Rig) -> None:
    async with rig.client() as client:
        response = await client.post("/v1/chat/completions", json=chat(model="dead"))
    assert response.status_code == 503
    assert error_code(response) == "upstream_unavailable"
    assert response.headers["x-request-id"]


async def test_the_next_deployment_answers_when_the_first_fails_and_gets_nothing_of_its_attempt(rig: Rig) -> None:
    async def fail(turn: Turn) -> None:
        await turn.plain(b'{"error":{"message":"boom"}}', 500)

    name = uuid.uuid4().hex
    rig.provider.scripts[name] = fail
    async with rig.client() as client:
        response = await client.post("/v1/chat/completions", json=chat(model="pair", x_script=name))
    assert response.json() == ANSWER
    (first,), (second,) = rig.provider.got(name), rig.other.got(name)
    assert first.header("authorization") == f"Bearer {PROVIDER_KEY}"
    assert second.header("authorization") == "Bearer sk-other-provider"
    assert second.json["model"] == "upstream-other"
    assert second.header("content-length") == str(len(second.body))
    assert {name for name, _ in second.headers} == {name for name, _ in first.headers}
