"""The worst case: what is counted, that it is the most, and how an answer is made to fit."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.model.catalog import Deployment, Operation
from extproc.model.chat import ModelRequest
from extproc.model.exchange import Usage
from extproc.model.limits import Estimate
from extproc.model.money import Price
from extproc.policy.estimate import DEFAULT_CAP_TOKENS, clamp, estimate, read_ask
from extproc.policy.price import cost, most
from tests.unit.policy.groups import deployment

CORPUS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "golden" / "tokens" / "corpus.json").read_text(encoding="utf-8")
)
PRICE = Price(250, 2000, 25)
OPENAI = deployment("openai", upstream_model="gpt-5", price=PRICE)
CLAUDE = deployment("claude", dialect="anthropic", options={"max_tokens": "4096"}, price=Price(3000, 15_000))
TOOL = {"type": "function", "function": {"name": "f", "description": "does it", "parameters": {"type": "object"}}}


def asked(operation: Operation = Operation.CHAT, **payload: object) -> ModelRequest:
    payload.setdefault("messages", [{"role": "user", "content": "Hello, how are you today?"}])
    return ModelRequest(operation, "m", is_stream=False, wants_usage=False, payload=payload)


def input_of(*deployments: Deployment, **payload: object) -> int:
    return estimate(asked(**payload), deployments or (OPENAI,)).input_tokens


def said(content: object) -> list[object]:
    return [{"role": "user", "content": content}]


@pytest.mark.parametrize("each", CORPUS, ids=lambda each: each["name"])
def test_a_message_is_never_more_than_it_is_reserved_at(each: dict[str, Any]) -> None:
    real = each["tokens"]["o200k_base"] + 7  # OpenAI's marks around one message and the answer
    assert input_of(messages=said(each["text"])) >= real


@pytest.mark.parametrize(
    "more",
    [
        {"tools": [TOOL]},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}},
        {"messages": [{"role": "system", "content": "Be brief."}, *said("Hello, how are you today?")]},
        {"messages": [{"role": "user", "name": "somebody", "content": "Hello, how are you today?"}]},
        {"messages": said([{"type": "text", "text": "Hello, how are you today? And you?"}])},
        {"messages": [*said("Hello, how are you today?"), {"role": "assistant", "tool_calls": [{"function": TOOL}]}]},
        {"messages": said(["Hello, how are you today?", {"type": "image_url", "image_url": {"url": "https://x/y"}}])},
        {"messages": said(["Hello, how are you today?", {"type": "image_url", "image_url": "https://x/y"}])},
        {"messages": said(["Hello, how are you today?", {"type": "input_audio", "input_audio": {"data": "AAAA"}}])},
        {"messages": said(["Hello, how are you today?", {"type": "file", "file": {"file_id": "f"}}])},
    ],
    ids=lambda more: json.dumps(more)[:60],
)
@pytest.mark.parametrize("target", [OPENAI, CLAUDE], ids=["openai", "claude"])
def test_everything_that_a_model_reads_counts(target: Deployment, more: dict[str, object]) -> None:
    assert input_of(target, **more) > input_of(target)


def test_what_a_vendor_writes_about_tools_itself_counts_too() -> None:
    assert input_of(CLAUDE, tools=[TOOL]) >= input_of(CLAUDE) + 700


@pytest.mark.parametrize(
    ("payload", "output"),
    [
        ({"max_tokens": 100}, 100),
        ({"max_completion_tokens": 100, "n": 3}, 300),
        ({"max_completion_tokens": None, "max_tokens": 50}, 50),
        ({"max_tokens": True, "n": True}, 64_000),
        ({"n": 2}, 128_000),
        ({"max_tokens": 900_000}, 200_000),
        ({}, 64_000),
    ],
)
def test_output_is_what_the_request_allows_within_the_context(payload: dict[str, object], output: int) -> None:
    small = deployment("d", context_tokens=200_000)
    assert estimate(asked(**payload), [small], cap=64_000).output_tokens == output


def test_what_a_dialect_sends_in_place_of_a_maximum_is_the_maximum() -> None:
    assert estimate(asked(), [CLAUDE]).output_tokens == 4096
    assert estimate(asked(), [CLAUDE, OPENAI]).output_tokens == DEFAULT_CAP_TOKENS


def test_money_is_of_every_attempt_and_tokens_of_the_dearest() -> None:
    both = estimate(asked(max_tokens=10), [OPENAI, CLAUDE])
    assert both.micro_usd == most(both.input_tokens, 10, [PRICE, Price(3000, 15_000)])
    assert both.input_tokens == max(input_of(OPENAI, max_tokens=10), input_of(CLAUDE, max_tokens=10))
    assert estimate(asked(), [OPENAI, deployment("free", price=None)]).micro_usd is None


@pytest.mark.parametrize(
    ("given_", "least", "most_"),
    [("word", 1, 5), (["word", "word"], 2, 10), ([1, 2, 3], 3, 3), ([[1, 2], [3]], 3, 3), (None, 0, 0), ([], 0, 0)],
)
def test_embeddings_have_no_output_and_their_tokens_count_as_they_are(given_: object, least: int, most_: int) -> None:
    found = estimate(asked(Operation.EMBEDDINGS, input=given_), [OPENAI])
    assert found.output_tokens == 0
    assert least <= found.input_tokens - 8 <= most_


def test_a_count_of_tokens_costs_nothing() -> None:
    assert estimate(asked(Operation.COUNT_TOKENS), [CLAUDE]) == Estimate(0, 0, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize("messages", [None, [], [None, 3, "x"], said(None), said([None, 3]), said([{"type": "file"}])])
def test_odd_requests_are_counted_somehow(messages: object) -> None:
    assert input_of(messages=messages) > 0


prices = st.builds(Price, st.integers(0, 100_000), st.integers(0, 100_000), st.none() | st.integers(0, 100_000))
plans = st.lists(prices, min_size=1, max_size=3)


@given(plans, st.integers(0, 10_000), st.integers(1, 5_000), st.data())
def test_no_usage_within_the_estimate_costs_more_than_it(
    plan: list[Price], words: int, limit: int, data: st.DataObject
) -> None:
    deployments = [deployment(f"d{i}", price=price) for i, price in enumerate(plan)]
    found = estimate(asked(messages=said("word " * (words // 100)), max_tokens=limit), deployments)
    given_ = data.draw(st.integers(0, found.input_tokens))
    made = data.draw(st.integers(0, found.output_tokens))
    usage = Usage(given_, made, cached_tokens=data.draw(st.integers(0, given_)))
    assert found.micro_usd is not None
    assert max(cost(usage, price) for price in plan) <= found.micro_usd


@given(plans, st.integers(0, 10_000), st.integers(1, 4), st.integers(0, 10**9), st.integers(0, 10**6))
def test_a_clamped_answer_is_the_longest_that_fits(
    plan: list[Price], input_tokens: int, choices: int, money: int, tokens: int
) -> None:
    ask = read_ask(asked(n=choices))

    def fits(each: int) -> bool:
        worst = most(input_tokens, each * choices, plan)
        return worst is not None and worst <= money and input_tokens + each * choices <= tokens

    found = clamp(ask, input_tokens, plan, micro_usd_left=money, tokens_left=tokens)
    if found is None:
        assert not fits(1)
    else:
        assert fits(found)
        assert found == DEFAULT_CAP_TOKENS or not fits(found + 1)


def test_a_maximum_that_the_client_set_is_kept_or_refused() -> None:
    ask = read_ask(asked(max_tokens=100))
    assert clamp(ask, 0, [PRICE], micro_usd_left=200) == 100
    assert clamp(ask, 0, [PRICE], micro_usd_left=199) is None
    assert clamp(ask, 0, [None], micro_usd_left=10**9) is None
    assert clamp(ask, 0, [None]) == 100
