"""Recorded answers of servers that imitate the OpenAI dialect, and of OpenAI itself; see tests/golden/openai."""

import json
import random
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from extproc.dialects.dialect import Chunk, Done, Ping, ProviderFailed, StreamItem, Unreadable
from extproc.dialects.openai import OpenAi
from extproc.dialects.openai_likeness import Likeness, is_error
from tests.dialect_goldens import GOLDENS

CASES = GOLDENS["openai"]
PLAIN = {name: case for name, case in CASES.items() if "answer" in case}
STREAMED = {name: case for name, case in CASES.items() if "stream" in case}


def events(case: dict[str, Any]) -> bytes:
    lines = [json.dumps(event).encode() for event in case["stream"]] + [b"[DONE]"]
    return b"".join(b"data: " + line + b"\n\n" for line in lines)


def read(*events: object) -> list[StreamItem]:
    reader = OpenAi().open_stream()
    return [item for event in events for item in reader.feed(b"data: " + json.dumps(event).encode() + b"\n\n")]


def values(items: list[StreamItem]) -> list[Any]:
    return [item.value for item in items if isinstance(item, Chunk)]


@pytest.mark.parametrize("case", PLAIN.values(), ids=PLAIN)
def test_an_answer_becomes_openais_and_openais_own_stays_as_it_is(case: dict[str, Any]) -> None:
    body = json.dumps(case["answer"], indent=1).encode()
    answer = OpenAi().read_answer(body)
    if "canonical" in case:
        assert json.loads(answer.body) == case["canonical"]
    else:
        assert answer.body == body
    ChatCompletion.model_validate_json(answer.body)
    assert answer.usage is not None


@pytest.mark.parametrize("case", STREAMED.values(), ids=STREAMED)
def test_a_stream_becomes_openais_in_any_split(case: dict[str, Any]) -> None:
    data = events(case)
    source = random.Random(7)  # noqa: S311 - cuts a stream, guards nothing
    cuts = sorted(source.sample(range(1, len(data)), 40))
    splits = [[data], [data[i : i + 1] for i in range(len(data))]]
    splits.append([data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)])
    expected = case.get("chunks", case["stream"])
    for pieces in splits:
        reader = OpenAi().open_stream()
        items = [item for piece in pieces for item in reader.feed(piece)]
        assert values(items) == expected
        assert items[-1] == Done()
        for chunk, before in zip(items, case["stream"], strict=False):
            assert isinstance(chunk, Chunk)
            assert (chunk.raw is None) == (chunk.value != before)
    for value in expected:
        ChatCompletionChunk.model_validate(value)


def choice(part: str = "message", **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, part: {"role": "assistant", "content": "x"}, **fields}]}


@pytest.mark.parametrize(
    "error",
    [
        {"error": {"message": "overloaded"}},
        {"error": "Model is overloaded", "error_type": "overloaded"},
        {"object": "error", "message": "The model failed.", "type": "InternalServerError", "code": 500},
        {"type": "error", "message": "x"},
        choice(finish_reason="abort"),
        choice("delta", finish_reason="error"),
    ],
)
def test_an_error_in_place_of_an_answer_is_a_failure_in_every_form(error: dict[str, Any]) -> None:
    with pytest.raises(ProviderFailed):
        read(error)
    if "delta" not in str(error):
        with pytest.raises(ProviderFailed):
            OpenAi().read_answer(json.dumps(error).encode())


def test_an_empty_error_is_none() -> None:
    assert not is_error({"error": None, "object": "chat.completion"})


@pytest.mark.parametrize(
    "body", [{}, {"detail": "x"}, {"choices": []}, {"choices": [{}]}, {"choices": None}, {"data": 1}]
)
def test_what_has_no_answer_in_it_is_unreadable(body: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        OpenAi().read_answer(json.dumps(body).encode())


def test_embeddings_pass_as_they_are() -> None:
    body = b'{"object": "list", "data": [{"embedding": [0.5]}], "usage": {"prompt_tokens": 2, "total_tokens": 2}}'
    assert OpenAi().read_answer(body).body == body


def test_a_chunk_without_choices_says_nothing_but_its_usage() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    assert read({"type": "progress"}, {"choices": None}) == [Ping(), Ping()]
    assert values(read({"id": "a", "usage": usage})) == [{"id": "a", "usage": usage, "choices": []}]


def test_choices_and_calls_without_an_index_are_numbered() -> None:
    def delta(*calls: Any) -> dict[str, Any]:
        return {"created": 1, "choices": [{"delta": {"tool_calls": list(calls)}}]}

    first, second = {"id": "a", "function": {"name": "f", "arguments": ""}}, {"function": {"arguments": "{}"}}
    found = values(read(delta(first), delta(second), delta({**first, "id": "b"}), delta(second)))
    calls = [value["choices"][0]["delta"]["tool_calls"][0] for value in found]
    assert [call["index"] for call in calls] == [0, 0, 1, 1]
    assert [call.get("id") for call in calls] == ["a", None, "b", None]
    assert all(value["choices"][0]["index"] == 0 for value in found)


def test_an_old_tgis_call_is_an_array_with_an_id_that_lasts() -> None:
    call = {"index": 0, "id": "", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}
    value = {"created": 5, "choices": [{"index": 0, "message": {"content": None, "tool_calls": call}}]}
    again = json.loads(json.dumps(value))
    assert Likeness().mend(value, "message")
    assert Likeness().mend(again, "message")
    assert value == again
    (mended,) = value["choices"][0]["message"]["tool_calls"]  # type: ignore[index]
    assert mended["id"].startswith("call_")
    assert mended["function"] == {"name": "f", "arguments": '{"a":1}'}


def test_a_choice_without_a_delta_has_an_empty_one() -> None:
    assert values(read({"choices": [{"index": 0, "delta": None, "finish_reason": "stop"}]})) == [
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    ]
