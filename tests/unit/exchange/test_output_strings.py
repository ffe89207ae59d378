import base64
import struct
from typing import Any

import pytest

from extproc.exchange.output_strings import Flow, Spot, strings_of
from tests.guard_world import CANARY, chunk


def spots(value: object) -> list[Spot]:
    return list(strings_of(value))


def find(value: object) -> Spot:
    (found,) = (spot for spot in spots(value) if CANARY in spot.text)
    return found


SHAPES: list[tuple[dict[str, Any], Flow]] = [
    ({"content": CANARY}, Flow.RUNNING),
    ({"refusal": CANARY}, Flow.RUNNING),
    ({"reasoning": CANARY}, Flow.RUNNING),
    ({"reasoning_content": CANARY}, Flow.RUNNING),
    ({"audio": {"transcript": CANARY}}, Flow.RUNNING),
    ({"audio": {"data": CANARY}}, Flow.RUNNING),
    ({"audio": {"id": CANARY}}, Flow.AT_ONCE),
    ({"role": CANARY}, Flow.AT_ONCE),
    ({"tool_calls": [{"index": 1, "function": {"arguments": CANARY}}]}, Flow.RUNNING),
    ({"tool_calls": [{"index": 1, "function": {"name": CANARY}}]}, Flow.AT_ONCE),
    ({"tool_calls": [{"index": 1, "id": CANARY}]}, Flow.AT_ONCE),
    ({"tool_calls": [{"index": 1, "type": CANARY}]}, Flow.AT_ONCE),
    ({"tool_calls": [{"index": 1, "extra_content": {"google": {"thought_signature": CANARY}}}]}, Flow.AT_ONCE),
    ({"function_call": {"arguments": CANARY}}, Flow.RUNNING),
    ({"annotations": [{"url_citation": {"title": CANARY}}]}, Flow.AT_ONCE),
    ({"anything": {"else": [CANARY]}}, Flow.UNKNOWN),
    ({"anything": {CANARY: 1}}, Flow.AT_ONCE),
    ({CANARY: None}, Flow.AT_ONCE),
]


@pytest.mark.parametrize(("delta", "flow"), SHAPES)
def test_a_canary_in_any_string_of_a_delta_is_seen(delta: dict[str, Any], flow: Flow) -> None:
    spot = find(chunk(delta, choice=2).value)
    assert (spot.flow, spot.choice) == (flow, 2)
    message = {"choices": [{"index": 2, "message": delta}]}
    assert find(message).flow is flow


@pytest.mark.parametrize("name", ["id", "object", "model", "system_fingerprint", "service_tier", "x_groq", "usage"])
def test_a_canary_beside_the_choices_is_seen(name: str) -> None:
    assert find({"choices": [], name: CANARY}).text == CANARY
    assert find({"choices": [], name: {"deep": [{"er": CANARY}]}}).text == CANARY


@pytest.mark.parametrize("field", ["content", "refusal"])
def test_tokens_are_one_text_of_their_own(field: str) -> None:
    tokens = [{"token": piece, "logprob": -0.123456789, "bytes": list(piece.encode())} for piece in ("can", "ary")]
    tokens[0]["top_logprobs"] = [{"token": "c"}, {"token": "d"}]
    found = spots({"choices": [{"index": 0, "delta": {}, "logprobs": {field: tokens}}]})
    assert {spot.flow for spot in found} == {Flow.BESIDE}
    joined: dict[object, str] = {}
    for spot in found:
        joined[spot.lane[4:]] = joined.get(spot.lane[4:], "") + spot.text
    assert joined == {
        ("token",): "canary",
        ("bytes",): "canary",
        ("top_logprobs", 0, "token"): "c",
        ("top_logprobs", 1, "token"): "d",
    }


def test_calls_and_choices_are_told_apart_by_their_index_wherever_they_stand() -> None:
    value = {"choices": [{"index": 3, "delta": {"tool_calls": [{"index": 5, "function": {"arguments": "{}"}}]}}]}
    (spot,) = spots(value)
    assert spot.lane == ("choices", 3, "delta", "tool_calls", 5, "function", "arguments")
    assert spot.is_json


@pytest.mark.parametrize("number", [4111111111111111, 123456789, 1e15])
def test_a_number_that_could_name_somebody_is_a_text(number: float) -> None:
    box = {"choices": [], "card": number}
    (spot,) = (spot for spot in spots(box) if not spot.is_key)
    assert spot.text == str(number)
    spot.put("x")
    assert box["card"] == "x"


@pytest.mark.parametrize(
    "value",
    [
        {"object": "chat.completion.chunk", "created": 1_764_000_000, "choices": []},
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": "stop"}]},
        {"usage": {"prompt_tokens": 12_345, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 1}}},
        {"data": [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5]}]},
        {"data": [{"embedding": base64.b64encode(struct.pack("<3f", 0.25, -0.5, 1)).decode()}]},
    ],
)
def test_the_protocols_own_words_and_counts_are_no_text(value: object) -> None:
    assert spots(value) == []


def test_an_embedding_that_is_none_is_a_text() -> None:
    assert find({"data": [{"embedding": CANARY}]}).text == CANARY


def test_a_text_written_as_numbers_is_one() -> None:
    box = {"choices": [], "usage": list(CANARY.encode())}
    spot = find(box)
    spot.put("gone")
    assert box["usage"] == "gone"


def test_a_key_can_be_replaced() -> None:
    box = {"choices": [], CANARY: 1}
    find(box).put("gone")
    assert box == {"choices": [], "gone": 1}


def test_depth_costs_no_recursion_and_hides_nothing() -> None:
    value: Any = CANARY
    for _ in range(900):
        value = {"content": [value]}
    assert find({"choices": [], "usage": value}).text == CANARY


def test_of_two_choices_the_first_ones_words_come_first() -> None:
    said = [{"index": index, "delta": {"content": f"{index}"}} for index in (4, 2)]
    assert [spot.text for spot in spots({"choices": said})] == ["4", "2"]
