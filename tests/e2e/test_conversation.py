"""One conversation with tools through the ``openai`` SDK, whoever answers it: a question, two calls at once, their
results, the answer. What each provider was sent stands in tests/golden/conversation/<dialect>.json.
"""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI

from tests.e2e.every_dialect import CALLS, MODELS, USAGE, deployments, speak
from tests.e2e.rig import Rig, make_rig
from tests.e2e.rig_values import TOKEN

_GOLDEN = Path(__file__).parents[1] / "golden" / "conversation"
_RESULTS = ("21 degrees", '{"degrees": 12, "sky": "clear"}')
_CITY: dict[str, Any] = {"type": "string", "description": "Its name"}
_PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {"city": _CITY, "days": {"type": "array", "items": {"type": "integer"}}},
    "required": ["city"],
}
_WEATHER = {"name": "weather", "description": "The weather of a city.", "parameters": _PARAMETERS}
TOOLS: list[Any] = [
    {"type": "function", "function": _WEATHER},
    {"type": "function", "function": {"name": "now", "description": "The time."}},
]


@pytest.fixture(scope="module")
def every() -> Iterator[Rig]:
    for rig in make_rig(deployments):
        rig.provider.scripts["answer"] = speak
        yield rig


@dataclass(slots=True)
class Said:
    """What one turn of the assistant came to."""

    message: dict[str, Any] = field(default_factory=lambda: {"role": "assistant", "content": ""})
    calls: dict[int, dict[str, Any]] = field(default_factory=dict)
    finish: str | None = None
    tokens: tuple[int, int] = (0, 0)


class Talk:
    """An application: it asks a model, plain or streamed, and keeps what was said as the SDK gives it."""

    def __init__(self, sdk: AsyncOpenAI, model: str, opening: str) -> None:
        self._sdk = sdk
        self._model = model
        self.messages: list[Any] = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": opening},
        ]

    async def ask(self) -> Said:
        answer = await self._sdk.chat.completions.create(
            model=self._model, messages=self.messages, tools=TOOLS, max_tokens=200
        )
        message, said = answer.choices[0].message, Said(finish=answer.choices[0].finish_reason)
        said.message = message.model_dump(exclude_unset=True)
        said.calls = dict(enumerate(said.message.get("tool_calls") or []))
        assert answer.usage is not None
        said.tokens = (answer.usage.prompt_tokens, answer.usage.completion_tokens)
        self.messages.append(message)
        return said

    async def ask_streamed(self) -> Said:
        stream = await self._sdk.chat.completions.create(
            model=self._model,
            messages=self.messages,
            tools=TOOLS,
            max_tokens=200,
            stream=True,
            stream_options={"include_usage": True},
        )
        said = Said()
        async for chunk in stream:
            if chunk.usage is not None:
                said.tokens = (chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
            for choice in chunk.choices:
                said.finish = choice.finish_reason or said.finish
                said.message["content"] += choice.delta.content or ""
                for piece in choice.delta.tool_calls or []:
                    call = said.calls.setdefault(piece.index, {"function": {"name": "", "arguments": ""}})
                    fields = piece.model_dump(exclude_none=True)
                    for name, text in fields.pop("function", {}).items():
                        call["function"][name] += text
                    call |= {name: value for name, value in fields.items() if name != "index"}
        if said.calls:
            said.message["tool_calls"] = [said.calls[index] for index in sorted(said.calls)]
        self.messages.append(said.message)
        return said


@pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("model", MODELS)
async def test_a_conversation_with_tools_is_the_same_with_every_dialect(
    every: Rig, model: str, *, is_stream: bool
) -> None:
    mark = uuid.uuid4().hex
    async with AsyncOpenAI(base_url=f"{every.url}/v1", api_key=TOKEN, max_retries=0) as sdk:
        talk = Talk(sdk, model, f"The weather in Oslo and Ulm? {mark}")
        ask = talk.ask_streamed if is_stream else talk.ask
        called = await ask()
        assert called.finish == "tool_calls"
        assert called.message["content"] == "I look."
        assert called.tokens == USAGE
        functions = [call["function"] for call in called.message["tool_calls"]]
        assert [(each["name"], json.loads(each["arguments"])) for each in functions] == [call[1:] for call in CALLS]
        ids = [call["id"] for call in called.message["tool_calls"]]
        assert len(set(ids)) == len(CALLS)
        for id_, result in zip(ids, _RESULTS, strict=True):
            talk.messages.append({"role": "tool", "tool_call_id": id_, "content": result})
        final = await ask()
    assert (final.finish, final.message["content"], final.calls) == ("stop", "Mild.", {})
    sent = [request for request in every.provider.requests if mark.encode() in request.body]
    golden = json.loads((_GOLDEN / f"{model}.json").read_text())["stream" if is_stream else "plain"]
    assert [_normal(request.line, request.body, mark) for request in sent] == golden
    for request in sent:
        assert request.header("content-length") == str(len(request.body))


def _normal(line: str, body: bytes, mark: str) -> dict[str, Any]:
    return {"line": line, "body": json.loads(body.replace(mark.encode(), b"<mark>"))}


@pytest.mark.parametrize("second", MODELS)
@pytest.mark.parametrize("first", MODELS)
async def test_what_one_dialect_began_another_goes_on_with(every: Rig, first: str, second: str) -> None:
    async with AsyncOpenAI(base_url=f"{every.url}/v1", api_key=TOKEN, max_retries=0) as sdk:
        begun = Talk(sdk, first, "The weather in Oslo and Ulm?")
        called = await begun.ask()
        going_on = Talk(sdk, second, "")
        going_on.messages = begun.messages
        for call, result in zip(called.message["tool_calls"], _RESULTS, strict=True):
            going_on.messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})
        final = await going_on.ask()
    assert (final.finish, final.message["content"]) == ("stop", "Mild.")
