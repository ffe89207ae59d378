"""What goes wrong after the client's first words: it hears of it, never takes it for an end, and nobody else is asked.

Where delivery sees the fault (an error event, a silence, a body that ends too early) the client gets an error event and
then a broken stream; a connection that is cut reaches it as a broken stream. ``yard`` has the deployments: behind each
one stands a second that would have answered.
"""

from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.provider import Turn
from tests.faults.sent import foreign
from tests.faults.speech import DIALECTS, PROVIDER_WORDS, Play, Speech, say
from tests.faults.yard import TAG, Yard, chat_of, deployment_name, open_yard, pair, text_of
from tests.servers import eventually

_URL = "/v1/chat/completions"
ROLES = {"cut": "first", "short": "first", "late-error": "first", "idle": "slow"}
SEEN = {"short": "upstream_invalid_response", "late-error": "upstream_error", "idle": "upstream_timeout"}
"""The faults that delivery sees, and what the client is told of them."""


@pytest.fixture(scope="module")
def yard() -> Iterator[Yard]:
    for made in open_yard():
        made.plays |= {name: _late(made, name) for name in ROLES}
        yield made


def _late(yard: Yard, fault: str) -> Play:
    async def play(turn: Turn, speech: Speech) -> None:
        tag = TAG.search(turn.request.body.decode())
        assert tag is not None
        number, golden = int(tag[1]), speech.golden
        await say(turn, speech, golden["events"][: golden["silent_events"] + 1])
        if fault != "idle":
            await turn.until(yard.gates[number])
        match fault:
            case "cut":
                turn.reset()
            case "short":
                await turn.end()
            case "late-error":
                await turn.chunk(speech.event(golden["error_event"]))
                await turn.until_gone()
                yard.left.add(number)
            case _:
                await turn.until_gone()
                yard.left.add(number)

    return play


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("fault", ROLES)
async def test_a_stream_that_fails_after_its_first_words_breaks(yard: Yard, fault: str, dialect: str) -> None:
    number, heard = yard.next_id(), bytearray()
    role, second = ROLES[fault], "openai" if dialect != "openai" else "bedrock"
    body = chat_of(pair(role, dialect, second), text_of(number, fault), is_stream=True)

    async def listen(response: httpx.Response) -> None:
        async for data in response.aiter_bytes():
            heard.extend(data)
            if b'"Hello"' in heard:
                yard.gates[number].set()

    async with yard.rig.client() as client, client.stream("POST", _URL, json=body) as response:
        assert response.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            await listen(response)
    events = [event for event in heard.decode().split("\n\n") if event.strip(":\n ")]
    assert any('"Hello"' in event for event in events)
    assert "[DONE]" not in heard.decode()
    assert PROVIDER_WORDS not in heard.decode()
    told = [event for event in events if event.startswith('data: {"error"')]
    if fault in SEEN:
        assert len(told) == 1
        assert told[0] == events[-1]
        assert f'"code":"{SEEN[fault]}"' in told[0]
    else:
        assert told == []
    if fault in {"idle", "late-error"}:
        await eventually(lambda: number in yard.left, "the provider to see that nobody listens")
    name = deployment_name(role, dialect)
    assert yard.sent(number).keys() == {name}
    assert foreign(yard, name, yard.sent(number)[name]) == []
    assert response.headers["x-gateway-deployment"] == name
    assert response.headers["x-gateway-attempts"] == "1"
