"""What Anthropic's clients are answered. The whole forms are in tests/golden/surface-anthropic."""

import json
from typing import Any

import pytest
from anthropic.types import Message

from extproc.dialects.anthropic_answer import read_message
from extproc.dialects.dialect import Answer, Unreadable
from extproc.dialects.surface_anthropic_answer import write_message, write_usage
from tests.unit.dialects.anthropic_goldens import PLAIN
from tests.unit.dialects.surface_goldens import ANSWERS, ASKED


def written(answer: dict[str, Any], extension: dict[str, Any] | None = None) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(write_message(Answer(json.dumps(answer).encode(), None, extension), ASKED))
    return message


def said(reason: str = "stop", **message: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": message, "finish_reason": reason}]}


@pytest.mark.parametrize("case", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_is_written_as_its_golden_file_says(case: dict[str, Any]) -> None:
    message = written(case["answer"], case.get("extension"))
    assert message == case["message"]
    assert Message.model_validate(message).content is not None


@pytest.mark.parametrize("case", PLAIN.values(), ids=PLAIN)
def test_claudes_own_answer_comes_back_as_it_was(case: dict[str, Any]) -> None:
    answer = case["answer"]
    message = json.loads(write_message(read_message(json.dumps(answer).encode()), ASKED))
    given = [block for block in answer["content"] if block["type"] != "text" or block["text"]]
    assert message["content"] == [_told(block) for block in given]
    assert (message["id"], message["model"]) == (answer["id"], "chat")
    for name in ("stop_reason", "stop_sequence"):
        assert message[name] == answer.get(name)
    for name in ("input_tokens", "output_tokens"):
        assert message["usage"][name] == answer["usage"][name]


def _told(block: dict[str, Any]) -> dict[str, Any]:
    """A block of the golden answers, without what the canonical form has no place for."""
    return {name: each for name, each in block.items() if name not in {"citations", "caller"}}


def test_words_that_were_changed_on_their_way_lose_the_layout_and_not_more() -> None:
    layout = {
        "layout": [{"type": "thinking", "chars": 3, "signature": "s"}, {"type": "text", "chars": 4}],
        "stop": None,
    }
    message = written(said(content="***", reasoning_content="abc"), layout)
    assert message["content"] == [
        {"type": "thinking", "thinking": "abc", "signature": ""},
        {"type": "text", "text": "***"},
    ]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"choices": []},
        {"choices": [{"message": None}]},
        said(content=7),
        said(tool_calls={"id": "x"}),
        said(tool_calls=[{"id": "c"}]),
        said(tool_calls=[{"id": "c", "function": {"name": "f", "arguments": "[1]"}}]),
        said(tool_calls=[{"id": "c", "function": {"name": "f", "arguments": '{"a":'}}]),
        said(tool_calls=[{"id": "c", "function": {"name": "f", "arguments": {"a": 1}}}]),
    ],
)
def test_what_is_no_answer_is_not_made_one(answer: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        written(answer)


@pytest.mark.parametrize(
    "usage", [None, [], {}, {"prompt_tokens": -1}, {"prompt_tokens": True}, {"prompt_tokens_details": 7}]
)
def test_counts_that_cannot_be_believed_are_zeros(usage: object) -> None:
    assert set(write_usage(usage).values()) == {0}


def test_a_reason_that_we_do_not_know_is_an_end_of_turn() -> None:
    assert written(said("eos", content="x"))["stop_reason"] == "end_turn"
    assert written({"choices": [{"message": {"content": "x"}}]})["stop_reason"] == "end_turn"
