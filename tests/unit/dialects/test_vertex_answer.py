from typing import Any

import pytest

from extproc.dialects.dialect import ProviderFailed, Unreadable
from extproc.dialects.vertex_answer import (
    read_answer,
    read_block,
    read_candidates,
    read_finish,
    read_head,
    read_logprobs,
    read_usage,
)


def answer(*parts: Any, finish: Any = "STOP", **fields: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": list(parts)}, "finishReason": finish}], **fields}


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("CONTINUATION", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("BLOCKLIST", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("SPII", "content_filter"),
        ("MODEL_ARMOR", "content_filter"),
        ("FINISH_REASON_UNSPECIFIED", None),
        (None, None),
        (7, None),
        (["STOP"], None),
    ],
)
def test_a_finish_reason_means_the_same_in_both_dialects(reason: object, expected: str | None) -> None:
    assert read_finish({"finishReason": reason}, has_calls=False) == expected


@pytest.mark.parametrize(
    "reason", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE", "OTHER", "NEW_IN_2027"]
)
def test_an_end_without_an_answer_is_a_failure(reason: str) -> None:
    with pytest.raises(ProviderFailed):
        read_finish({"finishReason": reason}, has_calls=False)


def test_calls_change_only_what_a_stop_means() -> None:
    assert read_finish({"finishReason": "STOP"}, has_calls=True) == "tool_calls"
    assert read_finish({"finishReason": "MAX_TOKENS"}, has_calls=True) == "length"


def test_a_plain_answer_that_has_not_finished_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        read_answer(answer({"text": "half"}, finish=None))


@pytest.mark.parametrize(
    "part",
    [
        "text",
        {"inlineData": {"mimeType": "image/png", "data": ""}},
        {"executableCode": {"code": "1"}},
        {"functionCall": {"args": {}}},
        {"functionCall": {"name": "f", "args": []}},
        {"functionCall": {"name": "f", "args": {}, "willContinue": True}},
        {"functionCall": {"name": "f", "args": {"x": float("inf")}}},
        {"text": 7},
    ],
)
def test_a_part_that_we_did_not_ask_for_is_unreadable(part: object) -> None:
    with pytest.raises(Unreadable):
        read_answer(answer(part))


@pytest.mark.parametrize("part", [{"thoughtSignature": "c2ln"}, {"text": ""}, {"thought": True, "text": ""}])
def test_a_part_may_say_nothing(part: dict[str, Any]) -> None:
    message = read_answer(answer({"text": "a"}, part))["choices"][0]["message"]
    assert message == {"role": "assistant", "content": "a", "refusal": None}


def test_call_ids_are_stable_and_differ_between_answers_and_places() -> None:
    call = {"functionCall": {"name": "f", "args": {"x": 1}}}

    def ids(response_id: str) -> list[str]:
        calls = read_answer(answer(call, call, responseId=response_id))["choices"][0]["message"]["tool_calls"]
        return [each["id"] for each in calls]

    assert ids("a") == ids("a")
    assert len({*ids("a"), *ids("b")}) == 4


@pytest.mark.parametrize(
    "candidates",
    ["x", {"a": 1}, [1], [{"index": "0"}], [{"index": -1}], [{"index": True}], [{}, {}], [{}, {"index": 0}]],
)
def test_candidates_have_an_index_each_of_their_own(candidates: object) -> None:
    with pytest.raises(Unreadable):
        read_candidates({"candidates": candidates})


@pytest.mark.parametrize(
    ("feedback", "refusal"),
    [
        ({"blockReason": "SAFETY"}, "The provider blocked the prompt: SAFETY."),
        ({"blockReason": "see host x.internal"}, "The provider blocked the prompt: OTHER."),
        ({"blockReason": ""}, None),
        ({}, None),
        (None, None),
        ("SAFETY", None),
    ],
)
def test_a_block_is_told_by_its_name_alone(feedback: object, refusal: str | None) -> None:
    assert read_block({"promptFeedback": feedback}) == refusal


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7}, (3, 4, 7)),
        ({"promptTokenCount": 3, "candidatesTokenCount": 4}, (3, 4, 7)),
        ({"promptTokenCount": 3, "candidatesTokenCount": 4, "thoughtsTokenCount": 5}, (3, 9, 12)),
        ({"promptTokenCount": 3, "toolUsePromptTokenCount": 2}, (5, 0, 5)),
    ],
)
def test_tokens_are_counted_where_openai_counts_them(usage: dict[str, int], counts: tuple[int, int, int]) -> None:
    found = read_usage({"usageMetadata": usage})
    assert found is not None
    assert (found["prompt_tokens"], found["completion_tokens"], found["total_tokens"]) == counts


@pytest.mark.parametrize(
    "usage",
    [
        *(None, [], {}, {"trafficType": "ON_DEMAND"}, {"promptTokenCount": "3"}, {"promptTokenCount": -1}),
        {"promptTokenCount": 1, "thoughtsTokenCount": True},
    ],
)
def test_only_believable_usage_counts(usage: object) -> None:
    assert read_usage({"usageMetadata": usage}) is None


@pytest.mark.parametrize(
    "found",
    [
        {"chosenCandidates": [{"logProbability": -1.0}]},
        {"chosenCandidates": [{"token": 7}]},
        {"chosenCandidates": ["x"]},
        {"chosenCandidates": [{"token": "a"}], "topCandidates": [{}, {}]},
        {"chosenCandidates": [{"token": "a"}], "topCandidates": ["x"]},
        {"chosenCandidates": [{"token": "a", "logProbability": "x"}]},
        {"chosenCandidates": 7},
    ],
)
def test_log_probabilities_that_cannot_be_matched_are_unreadable(found: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        read_logprobs({"logprobsResult": found})


def test_an_answer_without_log_probabilities_has_none() -> None:
    assert read_logprobs({}) is None
    assert read_logprobs({"logprobsResult": {}}) is None


@pytest.mark.parametrize(
    ("text", "created"), [("2026-11-20T10:00:00.5Z", 1795168800), ("2026-11-20T10:00:00.123456789Z", 1795168800)]
)
def test_the_time_is_the_providers(text: str, created: int) -> None:
    assert read_head({"createTime": text}).created == created


@pytest.mark.parametrize("text", [None, 7, "yesterday", ""])
def test_without_a_time_there_is_none(text: object) -> None:
    assert read_head({"createTime": text}).created == 0


def test_an_answer_without_an_id_gets_one_that_is_its_own() -> None:
    assert read_head(answer({"text": "a"})).id == read_head(answer({"text": "a"})).id
    assert read_head(answer({"text": "a"})).id != read_head(answer({"text": "b"})).id
