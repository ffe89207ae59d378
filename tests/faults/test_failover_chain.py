"""Three deployments of three dialects behind one model: a provider that is busy, one that fails inside its 200, one
that answers; and a large request that is written three times over. ``yard`` has the deployments."""

import json
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.e2e.provider import Turn
from tests.e2e.rig import error_code
from tests.faults.sent import foreign, normal
from tests.faults.speech import PROVIDER_WORDS, SPEECHES, Speech, answer
from tests.faults.yard import CHAIN, Yard, chat_of, open_yard, text_of

_URL = "/v1/chat/completions"
_LARGE_BYTES = 10_000_000


@pytest.fixture(scope="module")
def yard() -> Iterator[Yard]:
    yield from open_yard()


def check_all_sent(yard: Yard, number: int, response: httpx.Response, form: str) -> None:
    sent = yard.sent(number)
    assert sent.keys() == set(CHAIN)
    for name in CHAIN:
        golden = SPEECHES[yard.dialects[name]].golden["sent"][form]
        assert normal(yard, name, sent[name], response.headers["x-request-id"]) == golden, f"at {name}"
        assert foreign(yard, name, sent[name]) == []


@pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("plays", [("429", "error"), ("error", "503"), ("error", "error")], ids="-".join)
async def test_the_third_answers(yard: Yard, plays: tuple[str, str], is_stream: bool) -> None:
    number = yard.next_id()
    async with yard.rig.client() as client:
        body = chat_of("alias/chain", text_of(number, *plays), is_stream=is_stream)
        response = await client.post(_URL, json=body)
    assert response.status_code == 200, response.text
    golden = SPEECHES["bedrock"].golden
    if is_stream:
        assert response.text.endswith("data: [DONE]\n\n")
        assert " from Bedrock." in response.text
    else:
        assert response.json()["choices"] == golden["canonical"]["choices"]
    assert response.headers["x-gateway-deployment"] == CHAIN[2]
    assert response.headers["x-gateway-attempts"] == "3"
    check_all_sent(yard, number, response, "stream" if is_stream else "plain")


@pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "stream"])
async def test_where_all_three_fail_the_error_is_ours(yard: Yard, is_stream: bool) -> None:
    number = yard.next_id()
    async with yard.rig.client() as client:
        body = chat_of("alias/chain", text_of(number, "429", "error", "503"), is_stream=is_stream)
        response = await client.post(_URL, json=body)
    assert response.status_code == 502
    assert error_code(response) == "upstream_error"
    assert PROVIDER_WORDS not in response.text
    check_all_sent(yard, number, response, "stream" if is_stream else "plain")


async def test_ten_megabytes_reach_three_dialects_whole(
    yard: Yard, record_property: Callable[[str, object], None]
) -> None:
    # Cut into pieces that tell where they belong, so that a repeated or lost one would show.
    filler = " ".join(f"{number:07d}" for number in range(_LARGE_BYTES // 8))
    held_bytes: list[int] = []

    async def weigh(turn: Turn, speech: Speech) -> None:
        held_bytes.append(yard.rig.envoy_bytes())
        await answer(turn, speech)

    yard.plays["weigh"] = weigh
    before_bytes = yard.rig.envoy_bytes()
    async with yard.rig.client() as client:

        async def ask(model: str, *plays: str) -> tuple[int, float]:
            number = yard.next_id()
            body = json.dumps(chat_of(model, f"{text_of(number, *plays)} {filler}")).encode()
            began_s = time.monotonic()
            response = await client.post(_URL, content=body, headers={"content-type": "application/json"})
            took_s = time.monotonic() - began_s
            assert response.status_code == 200, response.text
            assert response.headers["x-gateway-deployment"] == CHAIN[2]
            return number, took_s

        # In turns until one pair is as it should be: the machine may stand still during any of them.
        for _ in range(5):
            once_s = max([(await ask("alias/chain-end"))[1] for _ in range(2)])
            number, thrice_s = await ask("alias/chain", "429", "503", "weigh")
            if thrice_s < 6 * once_s:
                break
    sent = yard.sent(number)
    assert sent.keys() == set(CHAIN)
    texts = {
        CHAIN[0]: sent[CHAIN[0]].json["messages"][-1]["content"],
        CHAIN[1]: sent[CHAIN[1]].json["messages"][-1]["content"][0]["text"],
        CHAIN[2]: sent[CHAIN[2]].json["messages"][-1]["content"][0]["text"],
    }
    for name, text in texts.items():
        assert text == f"{text_of(number, '429', '503', 'weigh')} {filler}", f"at {name}"
        assert sent[name].header("content-length") == str(len(sent[name].body))
        assert foreign(yard, name, sent[name]) == []
    # Each dialect's body is written before the first attempt, and sent once: three times the work, twice over.
    assert thrice_s < 6 * once_s
    record_property("once_s", round(once_s, 2))
    record_property("thrice_s", round(thrice_s, 2))
    record_property("envoy_held_bytes", held_bytes[0] - before_bytes)
    record_property("envoy_kept_bytes", yard.rig.envoy_bytes() - before_bytes)
