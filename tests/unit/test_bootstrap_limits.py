"""What is opened for who changes limits and who looks at their use."""

import pytest

from extproc.bootstrap_limits import open_limit_office
from extproc.config.environment import read_environment
from extproc.model.limit_records import LimitSet
from extproc.model.refusals import Unavailable


async def test_the_office_reads_the_limits_and_the_counters_that_the_environment_names(
    postgres_dsn: str, valkey_url: str
) -> None:
    environment = read_environment({"EXTPROC_POSTGRES_DSN": postgres_dsn, "EXTPROC_REDIS_URL": valkey_url})
    async with open_limit_office(environment) as office:
        assert await office.desk.store.read() == LimitSet(0, ())
        assert await office.use.show("acme", ["b::2026-11-23"]) == [None]
        await office.desk.word.publish(0)


async def test_whoever_looks_loads_no_counter() -> None:
    from extproc.bootstrap_limits import _NoBaselines  # noqa: PLC0415 - private, and promised to do nothing

    with pytest.raises(Unavailable):
        await _NoBaselines().baselines("acme", ["b::2026-11-23"])
