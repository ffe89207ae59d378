"""What is said to the functions and how their answer is read; ``tests/contracts`` asks real servers."""

import json

from extproc.adapters import redis_budgets
from extproc.adapters.memory import MemoryClock
from extproc.adapters.redis_budgets import RedisBudgets
from extproc.model.ids import ExchangeId
from extproc.model.limits import Bucket, Claim, Counter, Left, LimitId, Unit


def counter(name: str, limit: int, unit: Unit = Unit.MICRO_USD) -> Counter:
    return Counter(
        name, (name,), unit, limit, is_hard=True, amount=1, starts_at_s=1.5, ends_at_s=2.5, budget=LimitId(name)
    )


CLAIM = Claim(
    ExchangeId("x"),
    "acme",
    (counter("a", 100), counter("b", 10), counter("t", 50, Unit.TOKENS)),
    (Bucket("k", LimitId("rate"), 60, None, 4, tokens=9), Bucket("l", LimitId("tpm"), None, 600, None, tokens=9)),
    30.0,
)


def test_a_question_has_milliseconds_and_only_the_limits_there_are() -> None:
    asked = json.loads(json.dumps(redis_budgets._question(CLAIM)))
    assert asked["hold"] == 30_000
    assert asked["c"][0] == {"parts": ["a"], "lim": 100, "hard": True, "a": 1, "from": 1500, "to": 2500}
    assert asked["b"] == [{"id": "k", "t": 9, "rpm": 60, "cc": 4}, {"id": "l", "t": 9, "tpm": 600}]


def test_what_is_told_is_the_tightest_of_each_kind() -> None:
    answer = {"now": 10_000, "left": ["50", "4", "-3"], "fill": [[30.5, False, 1], [False, 480.0, 1]]}
    granted = redis_budgets._granted(CLAIM, answer)
    assert granted.money_left == Left(LimitId("b"), 4, 10, 2.5)
    assert granted.tokens_left == Left(LimitId("t"), 0, 50, 2.5)
    assert granted.requests_left == Left(LimitId("rate"), 30, 60, 10 + 29.5)


async def test_a_claim_on_nothing_asks_nobody() -> None:
    budgets = RedisBudgets(None, None, MemoryClock())  # type: ignore[arg-type]
    empty = Claim(ExchangeId("x"), "acme", (), (), 30.0)
    granted = await budgets.reserve(lambda _: empty)
    assert granted == redis_budgets.Reservation(empty)
