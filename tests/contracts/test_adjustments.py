"""What adjustments of spend promise, in memory and in Postgres."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from extproc.adapters.memory_adjustments import MemoryAdjustments
from extproc.adapters.postgres_adjustments import PostgresAdjustments
from extproc.adapters.postgres_pool import open_pool
from extproc.model.adjustments import AdjustmentProblem, SpendAdjustment
from extproc.model.money import MicroUsd

CREDIT = SpendAdjustment(
    "adj_credit-1", 1_793_491_200.25, "acme", MicroUsd(-12_500_001), "credit note", "ada", "CHG-1", team="search",
    project="ranking", key="key_1", model="chat", deployment="main", parts=("b::2026-11", "c:search:2026-11"),
)  # fmt: skip

Store = MemoryAdjustments | PostgresAdjustments


@pytest.fixture(params=["memory", "postgres"])
def dsn(request: pytest.FixtureRequest) -> str | None:
    if request.param == "memory":
        return None
    found: str = request.getfixturevalue("postgres_dsn")
    return found


@pytest.fixture
async def store(dsn: str | None) -> AsyncIterator[Store]:
    if dsn is None:
        yield MemoryAdjustments()
        return
    async with open_pool(dsn) as pool:
        yield PostgresAdjustments(pool)


async def test_what_was_made_is_found_as_it_was(store: Store) -> None:
    assert await store.find(CREDIT.id) is None
    assert await store.make(CREDIT)
    assert await store.find(CREDIT.id) == CREDIT


async def test_again_is_as_good_as_once_whoever_says_it(store: Store) -> None:
    assert await store.make(CREDIT)
    assert not await store.make(CREDIT)
    assert not await store.make(replace(CREDIT, reason="the same", actor="bob", approval="CHG-2", parts=()))
    assert await store.find(CREDIT.id) == CREDIT


@pytest.mark.parametrize(
    "other",
    [
        {"micro_usd": MicroUsd(-12_500_000)},
        {"at_s": CREDIT.at_s + 1},
        {"organisation": "globex"},
        {"team": ""},
        {"project": "x"},
        {"key": "key_2"},
        {"model": ""},
        {"deployment": "x"},
    ],
)
async def test_an_id_stands_for_one_adjustment(store: Store, other: dict[str, object]) -> None:
    await store.make(CREDIT)
    with pytest.raises(AdjustmentProblem, match=CREDIT.id):
        await store.make(replace(CREDIT, **other))
    assert await store.find(CREDIT.id) == CREDIT
