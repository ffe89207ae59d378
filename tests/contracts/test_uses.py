"""What a store of uses promises, in memory and in Postgres alike."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, timedelta

import pytest

from extproc.adapters.memory import MemoryUses
from extproc.adapters.postgres_keys import PostgresKeys
from extproc.adapters.postgres_pool import open_pool
from extproc.adapters.postgres_uses import PostgresUses
from extproc.model.identity import VirtualKey
from extproc.model.ids import DeploymentName, KeyId, ModelName
from extproc.model.keys import Deed, NewKey
from extproc.model.uses import Count, Use, UseFilter
from extproc.policy.ports import UseStore
from tests.samples import NOW_S, digest_of, make_key, make_token

TODAY = date(2027, 1, 15)
ALL = UseFilter(date.min)


@dataclass(frozen=True)
class Uses:
    store: UseStore
    key: VirtualKey


@pytest.fixture(params=["memory", "postgres"])
async def uses(request: pytest.FixtureRequest, postgres_dsn: str) -> AsyncIterator[Uses]:
    key = make_key()
    if request.param == "memory":
        yield Uses(MemoryUses({key.id: key}), key)
        return
    async with open_pool(postgres_dsn) as pool:
        new = NewKey(key, digest_of(make_token()))
        await PostgresKeys(pool).add(new, Deed("ada", "CHG-1"), may_create_project=True)
        yield Uses(PostgresUses(pool), key)


def use(key: KeyId, model: str = "m", deployment: str = "d", day: date = TODAY) -> Use:
    return Use(day, key, ModelName(model), DeploymentName(deployment))


async def test_a_use_is_told_with_its_key_and_everything_known_of_it(uses: Uses) -> None:
    await uses.store.add({use(uses.key.id): Count(3, NOW_S + 0.25)})
    (found,) = await uses.store.list(ALL)
    assert (found.key_id, found.key) == (uses.key.id, uses.key)
    assert (found.model, found.deployment, found.count) == ("m", "d", Count(3, NOW_S + 0.25))


async def test_a_key_that_the_directory_lost_is_told_by_its_id(uses: Uses) -> None:
    await uses.store.add({use(KeyId("key_gone")): Count(1, NOW_S)})
    (found,) = await uses.store.list(ALL)
    assert (found.key_id, found.key) == ("key_gone", None)


async def test_counts_add_up_over_additions_and_days_and_the_last_moment_stays_the_last(uses: Uses) -> None:
    yesterday = use(uses.key.id, day=TODAY - timedelta(days=1))
    await uses.store.add({use(uses.key.id): Count(2, NOW_S)})
    await uses.store.add({use(uses.key.id): Count(3, NOW_S - 50), yesterday: Count(10, NOW_S - 86_400)})
    (found,) = await uses.store.list(ALL)
    assert found.count == Count(15, NOW_S)
    (found,) = await uses.store.list(UseFilter(TODAY))
    assert found.count == Count(5, NOW_S)
    assert await uses.store.list(UseFilter(TODAY + timedelta(days=1))) == ()


async def test_uses_are_narrowed_by_model_and_deployment_and_the_last_used_come_first(uses: Uses) -> None:
    await uses.store.add(
        {
            use(uses.key.id, "a", "x"): Count(1, NOW_S),
            use(uses.key.id, "a", "y"): Count(1, NOW_S + 2),
            use(uses.key.id, "b", "y"): Count(1, NOW_S + 1),
        }
    )

    async def told(models: set[str] = frozenset(), deployments: set[str] = frozenset()) -> list[str]:
        which = UseFilter(date.min, frozenset(map(ModelName, models)), frozenset(map(DeploymentName, deployments)))
        return [each.model + each.deployment for each in await uses.store.list(which)]

    assert await told() == ["ay", "by", "ax"]
    assert await told({"a"}) == ["ay", "ax"]
    assert await told(deployments={"y"}) == ["ay", "by"]
    assert await told({"b", "none"}, {"y", "x"}) == ["by"]
    assert await told({"none"}) == []


async def test_workers_that_add_the_same_uses_at_once_lose_none_and_wait_for_each_other_in_one_order(
    uses: Uses,
) -> None:
    several = [use(uses.key.id, f"m{index}") for index in range(200)]

    async def add(order: int) -> None:
        for _ in range(5):
            await uses.store.add(dict.fromkeys(several[::order], Count(1, NOW_S)))

    await asyncio.gather(add(1), add(-1), add(1), add(-1))
    found = await uses.store.list(ALL)
    assert len(found) == 200
    assert {each.count.requests for each in found} == {20}


async def test_nothing_to_add_is_nothing_added(uses: Uses) -> None:
    await uses.store.add({})
    assert await uses.store.list(ALL) == ()
