"""Only one whole text is worth remembering."""

import json
from typing import Any

import pytest

from extproc.dialects.dialect import Answer, Aside, Chunk, Done, Ping, StreamItem
from extproc.exchange.keeping import MOST_CHARS, Keeper

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def plain(message: dict[str, Any], finish: str = "stop", **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish, "logprobs": None}
    return {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], **more}


def kept(value: dict[str, Any]) -> dict[str, Any] | None:
    keeper = Keeper()
    keeper.whole(Answer(b"", None, value=value))
    return None if keeper.answer is None else json.loads(keeper.answer)


def delta(said: dict[str, Any], finish: str | None = None, **more: Any) -> Chunk:
    choice = {"index": 0, "delta": said, "finish_reason": finish}
    return Chunk(
        {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **more}
    )


def streamed(*items: StreamItem) -> dict[str, Any] | None:
    keeper = Keeper()
    for item in items:
        keeper.hear(item)
    return None if keeper.answer is None else json.loads(keeper.answer)


def test_a_plain_answer_is_kept_without_its_id_and_time() -> None:
    answer = kept(plain({"content": "Paris.", "refusal": None}, usage=USAGE, service_tier="default"))
    assert answer == {
        "id": "",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Paris."}, "finish_reason": "stop"}],
        "usage": USAGE,
    }


def test_a_stream_is_kept_as_the_same_plain_answer() -> None:
    chunk = Chunk(
        {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": USAGE}
    )
    answer = streamed(delta({"role": "assistant"}), delta({"content": "Par"}), Ping(), delta({"content": "is."}),
                      delta({}, "stop"), chunk, Done())  # fmt: skip
    assert answer == kept(plain({"content": "Paris."}, usage=USAGE))


def test_thoughts_are_kept_with_the_text() -> None:
    answer = kept(plain({"content": "Paris.", "reasoning_content": "Hm."}))
    assert answer is not None
    assert answer["choices"][0]["message"]["reasoning_content"] == "Hm."


@pytest.mark.parametrize(
    "value",
    [
        plain({"content": "Par"}, "length"),
        plain({"content": "x"}, "content_filter"),
        plain({"content": None, "tool_calls": [{"id": "1"}]}, "tool_calls"),
        plain({"content": "x", "tool_calls": [{"id": "1"}]}),
        plain({"content": "x", "annotations": [{"type": "url_citation"}]}),
        plain({"content": None, "refusal": "No."}),
        plain({"content": " "}),
        plain({"content": "x"}, citations=["a"]),
        plain({"content": "x" * (MOST_CHARS + 1)}),
        plain({"content": "I'm sorry, but I can't help with that."}),
        plain({"content": "I cannot assist with this request."}),
        {
            **plain({"content": "x"}),
            "choices": [{**plain({"content": "x"})["choices"][0], "logprobs": {"content": []}}],
        },
        {**plain({"content": "x"}), "choices": plain({"content": "x"})["choices"] * 2},
        {**plain({"content": "x"}), "choices": [{**plain({"content": "x"})["choices"][0], "index": 1}]},
    ],
)
def test_everything_else_is_nothing_to_be_remembered(value: dict[str, Any]) -> None:
    if len(value["choices"]) == 2:
        value["choices"][1] = {**value["choices"][1], "index": 1}
    assert kept(value) is None


def test_a_sentence_with_cannot_in_it_is_no_refusal() -> None:
    assert kept(plain({"content": "A penguin cannot fly, but I can explain why."})) is not None


@pytest.mark.parametrize(
    "items",
    [
        (delta({"content": "x"}, "stop"),),
        (delta({"content": "x"}), Done()),
        (delta({"content": "x"}, "stop"), Aside({"signature": "s"}), Done()),
        (delta({"content": "x"}, "length"), Done()),
        (delta({"tool_calls": [{"index": 0}]}), delta({"content": "x"}, "stop"), Done()),
    ],
)
def test_a_stream_that_was_cut_or_said_more_is_not_remembered(items: tuple[StreamItem, ...]) -> None:
    assert streamed(*items) is None


def test_an_answer_with_an_extension_is_not_remembered() -> None:
    keeper = Keeper()
    keeper.whole(Answer(b"", None, {"stop": "x"}, plain({"content": "x"})))
    assert keeper.answer is None
