"""The first deployment fails in every way a provider can; the second answers, with nothing of the first in it."""

import asyncio
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from extproc.model.seams import DEPLOYMENT_CLUSTER_PREFIX
from tests.e2e.provider import ANSWER, Request, Script, Turn, word
from tests.e2e.rig import Rig, chat, error_code, make_rig
from tests.e2e.rig_values import PROVIDER_KEY, TOKEN

OTHER_KEY = "sk-other-provider"


@pytest.fixture(scope="module")
def hasty() -> Iterator[Rig]:
    """A rig that soon gives a silent provider up."""
    yield from make_rig(timeouts={"connect_s": 1.0, "first_token_s": 0.7, "total_s": 1.0, "idle_s": 1.0})


async def rate_limit(turn: Turn) -> None:
    await turn.plain(b'{"error":{"message":"slow down"}}', 429, "retry-after: 30")


async def unavailable(turn: Turn) -> None:
    await turn.plain(b"<html>busy</html>", 503, kind="text/html")


async def rejected(turn: Turn) -> None:
    await turn.plain(b'{"error":{"message":"bad key"}}', 401)


async def reset(turn: Turn) -> None:
    turn.reset()


async def hang(turn: Turn) -> None:
    await turn.until_gone()


async def silent_after_head(turn: Turn) -> None:
    if turn.request.json.get("stream"):
        await turn.open_stream()
    else:
        await turn.head(200, "application/json", "content-length: 100")
    await turn.until_gone()


async def error_inside(turn: Turn) -> None:
    if turn.request.json.get("stream"):
        await turn.open_stream()
        await turn.event({**word(""), "choices": [{"index": 0, "delta": {"role": "assistant"}, "finish_reason": None}]})
        await turn.event({"error": {"message": "overloaded"}})
        await turn.until_gone()
    else:
        await turn.plain(b'{"error":{"message":"overloaded"}}')


async def not_json(turn: Turn) -> None:
    if turn.request.json.get("stream"):
        await turn.open_stream()
        await turn.event(b"{half")
        await turn.until_gone()
    else:
        await turn.plain(b"<html>hello</html>", kind="text/html")


FAULTS: dict[str, Script] = {
    "429": rate_limit,
    "503": unavailable,
    "401": rejected,
    "reset": reset,
    "hang": hang,
    "200-then-silence": silent_after_head,
    "200-then-error": error_inside,
    "200-not-json": not_json,
}


def check_second(request: Request, first: Request | None) -> None:
    """The second provider got its own request, whole, and not a byte of the first's."""
    assert request.header("authorization") == f"Bearer {OTHER_KEY}"
    assert request.header("content-length") == str(len(request.body))
    assert request.json["model"] == "upstream-other"
    text = str(request.headers) + request.body.decode()
    for secret in (PROVIDER_KEY, TOKEN, "upstream-main"):
        assert secret not in text
    names = [name for name, _ in request.headers]
    assert len(names) == len(set(names))
    if first is not None:
        assert set(names) == {name for name, _ in first.headers}


@pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_the_second_deployment_answers(hasty: Rig, fault: str, is_stream: bool) -> None:
    name = uuid.uuid4().hex
    hasty.provider.scripts[name] = FAULTS[fault]
    async with hasty.client() as client:
        response = await client.post("/v1/chat/completions", json=chat(model="pair", stream=is_stream, x_script=name))
        following = await client.post("/v1/chat/completions", json=chat("and again", model="pair"))
    assert response.status_code == 200, response.text
    if is_stream:
        assert response.text.endswith("data: [DONE]\n\n")
        assert "Hel" in response.text
    else:
        assert response.json() == ANSWER
    assert following.json() == ANSWER
    (first,), (second,) = hasty.provider.got(name), hasty.other.got(name)
    check_second(second, first)
    assert not set(response.headers) & {"x-gateway-retry", "retry-after", "x-envoy-attempt-count"}


@pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "stream"])
async def test_a_refused_connection_goes_to_the_second_deployment(hasty: Rig, is_stream: bool) -> None:
    name = uuid.uuid4().hex
    async with hasty.client() as client:
        body = chat(model="refused-pair", stream=is_stream, x_script=name)
        response = await client.post("/v1/chat/completions", json=body)
    assert response.status_code == 200
    (second,) = hasty.other.got(name)
    check_second(second, None)


async def test_a_mistake_of_the_callers_is_told_and_not_tried_again(hasty: Rig) -> None:
    async def mistake(turn: Turn) -> None:
        await turn.plain(b'{"error":{"message":"temperature is too high","param":"temperature"}}', 400)

    name = uuid.uuid4().hex
    hasty.provider.scripts[name] = mistake
    async with hasty.client() as client:
        response = await client.post("/v1/chat/completions", json=chat(model="pair", x_script=name))
    assert response.status_code == 400
    assert response.json()["error"]["message"] == "temperature is too high"
    assert hasty.other.got(name) == []


@pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_when_the_last_one_fails_too_the_error_is_ours(hasty: Rig, fault: str, is_stream: bool) -> None:
    name = uuid.uuid4().hex
    hasty.provider.scripts[name] = hasty.other.scripts[name] = FAULTS[fault]
    async with hasty.client() as client:
        response = await client.post("/v1/chat/completions", json=chat(model="pair", stream=is_stream, x_script=name))
    assert response.status_code in {429, 502, 503, 504}
    assert error_code(response).startswith("upstream_")
    for word_ in ("slow down", "busy", "bad key", "overloaded", "half", "html"):
        assert word_ not in response.text
    assert (len(hasty.provider.got(name)), len(hasty.other.got(name))) == (1, 1)


async def test_ten_megabytes_reach_the_second_deployment_whole() -> None:
    name = uuid.uuid4().hex
    patient = {"connect_s": 20.0, "first_token_s": 60.0, "total_s": 60.0, "idle_s": 60.0}
    for rig in make_rig({"limits": {"max_body_bytes": 16 * 1024 * 1024, "request_timeout_s": 60.0}}, timeouts=patient):
        rig.provider.scripts[name] = unavailable
        text = "x" * 10_000_000
        async with rig.client() as client:
            body = json.dumps(chat(text, model="pair", x_script=name)).encode()
            headers = {"content-type": "application/json"}
            response = await client.post("/v1/chat/completions", content=body, headers=headers)
        assert response.json() == ANSWER
        (second,) = rig.other.got(name)
        check_second(second, None)
        assert second.json["messages"][0]["content"] == text


async def test_an_answered_failure_fails_over_without_waiting_for_a_limit() -> None:
    patient = {"connect_s": 20.0, "first_token_s": 60.0, "total_s": 60.0, "idle_s": 60.0}
    for rig in make_rig(timeouts=patient):
        rig.provider.scripts["busy"] = unavailable
        async with rig.client() as client:

            async def ask(index: int) -> float:
                begun = time.monotonic()
                body = chat(model="pair", stream=index % 2 == 0, x_script="busy")
                response = await client.post("/v1/chat/completions", json=body)
                assert response.status_code == 200, response.text
                return time.monotonic() - begun

            longest_s = max([await ask(index) for index in range(100)])
        assert longest_s < patient["total_s"] / 2


async def test_where_envoy_has_no_retry_left_the_error_is_still_ours() -> None:
    def without_retries(files: dict[str, Any]) -> None:
        for cluster in files["cds.json"]["resources"]:
            if cluster["name"] == f"{DEPLOYMENT_CLUSTER_PREFIX}main":
                for threshold in cluster["circuit_breakers"]["thresholds"]:
                    threshold["max_retries"] = 0

    for rig in make_rig(edit=without_retries):
        rig.provider.scripts["busy"] = unavailable
        async with rig.client() as client:
            responses = await asyncio.gather(
                *(client.post("/v1/chat/completions", json=chat(model="pair", x_script="busy")) for _ in range(4))
            )
        for response in responses:
            assert response.status_code == 502
            assert error_code(response) == "upstream_error"
            assert "x-gateway-retry" not in response.headers
