"""Tags of a request through the real Envoy and unmodified SDKs: remembered here, and never sent on."""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import openai
import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from extproc.operations.reports import FEW
from tests.e2e.provider import Turn
from tests.e2e.rig import Rig, chat, error_code
from tests.e2e.rig_values import TOKEN
from tests.faults.money_world import TOKENS, World, run_world
from tests.unit.cli.scripted_admin import typed

MESSAGES: list[Any] = [{"role": "user", "content": "hi"}]


async def test_the_openai_sdk_says_tags_by_header_or_in_metadata(rig: Rig) -> None:
    async with AsyncOpenAI(base_url=f"{rig.url}/v1", api_key=TOKEN, max_retries=0) as client:
        by_header = await client.chat.completions.create(
            model="chat", messages=MESSAGES, extra_headers={"x-request-tags": "feature=search, batch"}
        )
        in_body = await client.chat.completions.create(
            model="chat", messages=MESSAGES, metadata={"gateway_tags": "feature=rag"}
        )
        with pytest.raises(openai.BadRequestError) as bad:
            await client.chat.completions.create(
                model="chat", messages=MESSAGES, extra_headers={"x-request-tags": "two words"}
            )
    assert bad.value.param == "x-request-tags"
    for answer, tags in ((by_header, ["feature=search", "batch"]), (in_body, ["feature=rag"])):
        assert rig.exchange(str(answer._request_id))["context"]["tags"][-len(tags) :] == tags


async def test_the_anthropic_sdk_says_tags_once_for_a_client(rig: Rig) -> None:
    headers = {"x-request-tags": "feature=summary"}
    async with AsyncAnthropic(base_url=rig.url, api_key=TOKEN, max_retries=0, default_headers=headers) as client:
        answer = await client.messages.create(model="chat", max_tokens=9, messages=MESSAGES)
    assert "feature=summary" in rig.exchange(str(answer._request_id))["context"]["tags"]


async def test_a_provider_gets_neither_the_header_nor_the_entry(rig: Rig) -> None:
    name = uuid.uuid4().hex
    body = chat(x_script=name, metadata={"gateway_tags": "feature=rag", "ticket": "7"})
    async with rig.client() as client:
        answer = await client.post("/v1/chat/completions", json=body, headers={"x-request-tags": "batch"})
    assert answer.status_code == 200
    (got,) = rig.provider.got(name)
    assert got.header("x-request-tags") is None
    assert json.loads(got.body)["metadata"] == {"ticket": "7"}
    assert b"batch" not in got.body
    assert b"feature=rag" not in got.body


async def test_a_name_that_only_the_gateway_may_use_says_nothing(rig: Rig) -> None:
    async with rig.client() as client:
        answer = await client.post("/v1/chat/completions", json=chat(), headers={"x-gateway-tags": "forged"})
        wrong = await client.post("/v1/chat/completions", json=chat(), headers={"x-request-tags": "a;b"})
    assert error_code(wrong) == "invalid_request"
    assert "forged" not in rig.exchange(answer.headers["x-request-id"])["context"]["tags"]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    yield from run_world()


def reading(prompt_tokens: int) -> Callable[[Turn], Awaitable[None]]:
    """An answer whose provider says that it read so many tokens."""

    async def answer(turn: Turn) -> None:
        usage = {"prompt_tokens": prompt_tokens, "completion_tokens": 1, "total_tokens": prompt_tokens + 1}
        choice = {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}
        await turn.plain(
            json.dumps({"id": "a", "object": "chat.completion", "choices": [choice], "usage": usage}).encode()
        )

    return answer


async def test_the_feature_that_stuffs_every_turn_is_found_by_the_tag_of_its_requests(world: World) -> None:
    chunks = "A chunk of some document. " * 200
    world.rig.provider.scripts |= {"plain": reading(9), "stuffed": reading(900)}
    async with world.rig.client() as client:
        answers = await asyncio.gather(
            *(
                client.post(
                    "/v1/chat/completions",
                    json=chat(chunks, x_script=feature, max_tokens=TOKENS),
                    headers={"x-request-tags": f"feature={feature}"},
                )
                for feature in ("plain", "stuffed")
                for _ in range(FEW)
            )
        )
    assert {answer.status_code for answer in answers} == {200}
    for answer in answers:
        await asyncio.to_thread(world.await_row, answer.headers["x-request-id"], "rank == 2")

    def report(*words: str) -> Any:
        environment = {"EXTPROC_POSTGRES_DSN": world.dsn}
        done = typed("report", *words, "--format", "json", **environment)
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)

    first, second = (await asyncio.to_thread(report, "prompts"))["rows"]
    assert [tag for tag in first["tags"] if tag.startswith("feature")] == ["feature=stuffed"]
    assert (first["input_p50"], second["input_p50"]) == (900, 9)
    rows = (await asyncio.to_thread(report, "spend", "--by", "feature"))["rows"]
    assert {row["feature"][0]: row["requests"] for row in rows} == {"plain": FEW, "stuffed": FEW}
