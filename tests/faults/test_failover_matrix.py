"""Every dialect fails to every dialect, in every way a provider can fail before its first word, plain and streamed.

The whole matrix runs at once, through one gateway, before the first test; then each cell has a test that says what of
it was not so: what either provider received is its golden file and holds nothing of anybody else, what the client got
is the second's answer. ``yard`` has the deployments, ``speech`` the providers, ``sent`` the comparison.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import httpx
import pytest
from openai import OpenAI, Stream
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.e2e.provider import Request
from tests.e2e.raw import files_with
from tests.e2e.rig import error_code
from tests.faults.sent import foreign, normal
from tests.faults.speech import DIALECTS, PROVIDER_WORDS, SPEECHES
from tests.faults.yard import Yard, alone, chat_of, deployment_name, number_of, open_yard, pair, second_of, text_of

FAULTS: Mapping[str, str] = {
    "429": "first",
    "503": "first",
    "error": "first",
    "refused": "refused",
    "hang": "mute",
    "silence": "slow",
}
"""Each fault, and which kind of first deployment it is played on."""
_AT_ONCE, _SILENT_AT_ONCE = 8, 48
_URL = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Cell:
    first: str
    second: str
    fault: str
    is_stream: bool

    @property
    def first_name(self) -> str:
        return deployment_name(FAULTS[self.fault], self.first)

    @property
    def second_name(self) -> str:
        return second_of(FAULTS[self.fault], self.second)

    @property
    def model(self) -> str:
        return pair(FAULTS[self.fault], self.first, self.second)

    def __str__(self) -> str:
        return f"{self.first}-{self.fault}-{self.second}-{'stream' if self.is_stream else 'plain'}"


CELLS = [Cell(*each) for each in product(DIALECTS, DIALECTS, FAULTS, (False, True))]
LOST = [cell for cell in CELLS if cell.fault != "refused"]
"""Where the second can fail in the same way."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one request."""

    heard: httpx.Response | httpx.HTTPError
    sent: Mapping[str, Request]
    """By deployment."""

    @property
    def response(self) -> httpx.Response:
        assert isinstance(self.heard, httpx.Response), repr(self.heard)
        return self.heard


@dataclass(frozen=True, slots=True)
class Matrix:
    """What came of all of them."""

    yard: Yard
    saved: Mapping[Cell, Outcome]
    """The first failed and the second answered."""
    lost: Mapping[Cell, Outcome]
    """Both failed."""


@pytest.fixture(scope="module")
def matrix() -> Iterator[Matrix]:
    for yard in open_yard():
        saved, lost = asyncio.run(_run(yard))
        yield Matrix(yard, saved, lost)


async def _run(yard: Yard) -> tuple[dict[Cell, Outcome], dict[Cell, Outcome]]:
    busy, silent = asyncio.Semaphore(_AT_ONCE), asyncio.Semaphore(_SILENT_AT_ONCE)
    responses: dict[int, httpx.Response | httpx.HTTPError] = {}

    async def ask(cell: Cell, *plays: str) -> tuple[Cell, int]:
        number = yard.next_id()
        async with silent if cell.fault in {"hang", "silence"} else busy:
            text = text_of(number, *plays)
            try:
                responses[number] = await client.post(_URL, json=chat_of(cell.model, text, is_stream=cell.is_stream))
            except httpx.HTTPError as error:
                responses[number] = error
        return cell, number

    async with yard.rig.client() as client:
        saved, lost = await asyncio.gather(
            asyncio.gather(*(ask(cell, cell.fault) for cell in CELLS)),
            asyncio.gather(*(ask(cell, cell.fault, _immediate(cell.fault)) for cell in LOST)),
        )
    sent = yard.all_sent()
    outcomes = [{cell: Outcome(responses[number], sent[number]) for cell, number in each} for each in (saved, lost)]
    return outcomes[0], outcomes[1]


def _immediate(fault: str) -> str:
    """What the second does that has no short limits: the same, or the nearest that needs none."""
    return {"hang": "503", "silence": "error"}.get(fault, fault)


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_the_second_answers_and_each_gets_only_its_own_request(matrix: Matrix, cell: Cell) -> None:
    outcome = matrix.saved[cell]
    check_answer(outcome.response, cell)
    check_sent(matrix.yard, cell, outcome)


@pytest.mark.parametrize("cell", LOST, ids=str)
def test_where_both_fail_the_error_is_ours_and_openais(matrix: Matrix, cell: Cell) -> None:
    outcome = matrix.lost[cell]
    response = outcome.response
    assert response.status_code in {429, 502, 503, 504}, response.text
    assert error_code(response).startswith("upstream_")
    told = response.text + str({name: value for name, value in response.headers.items() if "gateway" not in name})
    for theirs in (PROVIDER_WORDS, cell.first_name, cell.second_name, "canary", "req_1"):
        assert theirs not in told
    check_sent(matrix.yard, cell, outcome)


@cache
def sdk() -> OpenAI:
    """Reads streams here, and asks nobody."""
    return OpenAI(api_key="unused")


def check_answer(response: httpx.Response, cell: Cell) -> None:
    """The client has the second's whole answer as OpenAI would have said it, and hears who gave it."""
    assert response.status_code == 200, response.text
    golden = SPEECHES[cell.second].golden
    if cell.is_stream:
        assert response.headers["content-type"] == "text/event-stream"
        assert response.text.endswith("data: [DONE]\n\n")
        whole = httpx.Response(200, content=response.content)
        stream = Stream(cast_to=ChatCompletionChunk, response=whole, client=sdk())
        choices = [choice for chunk in stream for choice in chunk.choices]
        assert "".join(choice.delta.content or "" for choice in choices) == golden["text"]
        assert [choice.finish_reason for choice in choices if choice.finish_reason] == ["stop"]
    else:
        assert response.json() == expected(golden["canonical"], response, cell.model)
        assert ChatCompletion.model_validate(response.json()).choices[0].message.content == golden["text"]
    model = f"gemini-2.5-{cell.second_name}" if cell.second == "vertex" else f"model-{cell.second_name}"
    told = {name: value for name, value in response.headers.items() if name.startswith("x-gateway-")}
    assert told == {
        "x-gateway-deployment": cell.second_name,
        "x-gateway-attempts": "2",
        "x-gateway-model": model,
    }
    assert not {"retry-after", "x-envoy-attempt-count"} & set(response.headers)
    assert cell.first_name not in response.text + str(response.headers)
    assert "canary" not in response.text + str(response.headers)


def expected(canonical: dict[str, Any], response: httpx.Response, model: str) -> dict[str, Any]:
    """The golden answer of this request: a provider that names no id and no model gets ours."""
    named = {"chatcmpl-<request id>": f"chatcmpl-{response.headers['x-request-id']}", "<model>": model}
    return {name: named.get(value, value) if isinstance(value, str) else value for name, value in canonical.items()}


def check_sent(yard: Yard, cell: Cell, outcome: Outcome) -> None:
    """Both providers were asked once, each for what its golden says, with nothing of anybody else."""
    asked = {cell.second_name: cell.second}
    if cell.fault != "refused":
        asked[cell.first_name] = cell.first
    assert outcome.sent.keys() == asked.keys()
    for name, dialect in asked.items():
        request = outcome.sent[name]
        form = "stream" if cell.is_stream else "plain"
        found = normal(yard, name, request, outcome.response.headers["x-request-id"])
        assert found == SPEECHES[dialect].golden["sent"][form], f"at {name}"
        assert foreign(yard, name, request) == []


@pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("second", DIALECTS)
@pytest.mark.parametrize("first", DIALECTS)
async def test_the_next_request_on_the_seconds_connection_is_intact(
    matrix: Matrix, first: str, second: str, is_stream: bool
) -> None:
    yard, cell = matrix.yard, Cell(first, second, "503", is_stream)
    failed_over, following = yard.next_id(), yard.next_id()
    # One connection of the client's stays with one thread of Envoy's, and so with one pool of connections.
    async with yard.rig.client(limits=httpx.Limits(max_connections=1)) as client:
        text = text_of(failed_over, cell.fault)
        answer = await client.post(_URL, json=chat_of(cell.model, text, is_stream=is_stream))
        check_answer(answer, cell)
        next_text = text_of(following, "answer")
        next_answer = await client.post(_URL, json=chat_of(alone(second), next_text, is_stream=is_stream))
    assert next_answer.status_code == 200
    name = cell.second_name
    before, after = yard.sent(failed_over)[name], yard.sent(following)[name]
    assert after.connection == before.connection
    found = normal(yard, name, after, next_answer.headers["x-request-id"])
    assert found == SPEECHES[second].golden["sent"]["stream" if is_stream else "plain"]
    assert foreign(yard, name, after) == []


def test_connections_to_providers_were_reused_and_every_request_on_them_was_read(matrix: Matrix) -> None:
    for name, provider in matrix.yard.providers.items():
        if not name.startswith("second-"):
            continue
        assert all(number_of(request.body) is not None for request in provider.requests), name
        on_each = Counter(request.connection for request in provider.requests)
        assert max(on_each.values()) > len(provider.requests) / (4 * _SILENT_AT_ONCE), (name, on_each)
        assert len(on_each) < len(provider.requests), name


def test_no_credential_was_written_anywhere(matrix: Matrix) -> None:
    assert files_with(matrix.yard.rig, "canary-") == []
    assert files_with(matrix.yard.rig, "Signature=") == []
