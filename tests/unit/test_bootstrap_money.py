"""Limits and money of a worker, on the real servers; ``tests/faults/test_money.py`` drives them through Envoy."""

import asyncio
from pathlib import Path

import pytest

from extproc.adapters.memory import MemoryClock
from extproc.adapters.redis_client import open_redis
from extproc.bootstrap_money import open_money
from extproc.config.environment import Environment
from extproc.model.limits import Crossing, LimitId, Outage, Unit
from extproc.model.refusals import Unavailable
from tests.webhook import Webhook, serving


async def test_a_worker_without_its_limits_does_not_become_ready(valkey_url: str, tmp_path: Path) -> None:
    environment = Environment(postgres_dsn="postgresql:///x?host=/nowhere", spool_dir=tmp_path)
    async with open_redis(valkey_url) as redis:
        with pytest.raises(Unavailable):
            async with open_money(environment, redis, MemoryClock(), dict):
                pass


async def test_what_is_opened_knows_the_limits_in_force_and_each_organisations_policy(
    valkey_url: str, postgres_dsn: str, tmp_path: Path
) -> None:
    environment = Environment(postgres_dsn=postgres_dsn, run_dir=tmp_path)
    outages = {"acme": Outage(is_open=True, allowance_requests=1)}
    async with (
        open_redis(valkey_url) as redis,
        open_money(environment, redis, MemoryClock(), lambda: outages) as money,
        asyncio.timeout(60),
    ):
        assert money.desk.limits().by_organisation == {}
        assert money.desk.outage_of("acme").is_open
        assert not money.desk.outage_of("other").is_open
        assert not money.desk.is_full()
        assert (tmp_path / "spool").is_dir()
        await money.close()


async def test_an_alert_is_posted_where_the_configuration_of_now_says_even_at_the_end(
    valkey_url: str, postgres_dsn: str, tmp_path: Path
) -> None:
    environment = Environment(postgres_dsn=postgres_dsn, run_dir=tmp_path)
    urls: list[str | None] = [None]
    crossing = Crossing(LimitId("b"), "b", 80, 8, 10, Unit.TOKENS)
    with serving(Webhook()) as webhook:
        async with (
            open_redis(valkey_url) as redis,
            open_money(environment, redis, MemoryClock(), dict, webhook=lambda: urls[0]) as money,
            asyncio.timeout(60),
        ):
            money.alerts.tell("before", crossing)
            urls[0] = webhook.url
            tasks = [asyncio.create_task(task()) for task in money.tasks]
            money.alerts.tell("after", crossing)
            await money.close()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
    assert [event["organisation"] for event in webhook.events] == ["after"]
