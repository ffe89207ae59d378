"""The tally on a real Valkey."""

import asyncio
from dataclasses import replace

import pytest

from extproc.adapters.redis_client import open_redis
from extproc.adapters.redis_tally import RedisTally
from extproc.model.exchange import Outcome
from extproc.model.refusals import Unavailable
from tests.servers import Valkey
from tests.unit.adapters.test_log_journal import EXCHANGE


async def counted(tally: RedisTally, expected: int) -> dict[Outcome, int]:
    async with asyncio.timeout(60):
        while (counts := await tally.read())[Outcome.ANSWERED] < expected:
            await asyncio.sleep(0.01)
    return counts


async def test_outcomes_of_all_workers_add_up(own_valkey: Valkey) -> None:
    async with open_redis(own_valkey.url) as redis:
        first, second = RedisTally(redis, every_s=0.01), RedisTally(redis, every_s=0.01)
        async with asyncio.TaskGroup() as group:
            runs = [group.create_task(tally.run()) for tally in (first, second)]
            for tally in (first, second):
                tally.finished(EXCHANGE)
                tally.finished(EXCHANGE)
            first.finished(replace(EXCHANGE, outcome=Outcome.ABANDONED))
            counts = await counted(second, 4)
            for run in runs:
                run.cancel()
        assert (await second.read())[Outcome.ABANDONED] == 1
        assert counts[Outcome.FAILED] == 0


async def test_what_redis_missed_is_added_when_it_is_back(own_valkey: Valkey) -> None:
    async with open_redis(own_valkey.url) as redis:
        tally = RedisTally(redis, every_s=0.01)
        own_valkey.kill()
        tally.finished(EXCHANGE)
        with pytest.raises(Unavailable):
            await tally._flush()
        own_valkey.start()
        tally.finished(EXCHANGE)
        await tally._flush()
        assert (await tally.read())[Outcome.ANSWERED] == 2


async def test_a_worker_that_stops_counts_what_it_had(own_valkey: Valkey) -> None:
    async with open_redis(own_valkey.url) as redis:
        tally = RedisTally(redis, every_s=60)
        run = asyncio.create_task(tally.run())
        await asyncio.sleep(0)
        tally.finished(EXCHANGE)
        run.cancel()
        await asyncio.wait({run})
        assert (await tally.read())[Outcome.ANSWERED] == 1
