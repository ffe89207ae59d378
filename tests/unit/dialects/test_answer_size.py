import pytest

from extproc.dialects.answer_size import answer_bytes


def of(**said: object) -> int:
    return answer_bytes({"choices": [{"index": 0, "delta": {"role": "assistant", **said}}]}, "delta")


@pytest.mark.parametrize(
    ("said", "size"),
    [
        ({"content": "four"}, 4),
        ({"content": "čtyři"}, 7),
        ({"reasoning_content": "hm", "reasoning": "hm", "content": None}, 2),
        ({"refusal": "no"}, 2),
        ({"audio": {"data": "AAAA", "transcript": "said"}}, 4),
        ({"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}, {"function": {"arguments": "xy"}}]}, 5),
        ({"function_call": {"name": "f", "arguments": "{}"}}, 3),
        ({}, 0),
    ],
)
def test_everything_that_a_model_writes_counts_once(said: dict[str, object], size: int) -> None:
    assert of(**said) == size


def test_every_choice_counts() -> None:
    choices = [{"message": {"content": "ab"}}, {"message": {"content": "cd"}}]
    assert answer_bytes({"choices": choices}, "message") == 4


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"choices": None},
        {"choices": [None, {"delta": None}, {"delta": {"content": 1, "tool_calls": [None, {"function": None}]}}]},
        {"choices": [{"delta": {"content": None, "audio": "x", "refusal": [], "tool_calls": {}}}]},
        {"data": [{"embedding": [0.1]}]},
    ],
)
def test_what_is_no_text_has_no_size(odd: dict[str, object]) -> None:
    assert answer_bytes(odd, "delta") == 0
