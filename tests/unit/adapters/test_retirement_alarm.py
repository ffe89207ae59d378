import asyncio
from datetime import date

from structlog.testing import capture_logs

from extproc.adapters.memory import MemoryClock
from extproc.adapters.retirement_alarm import RetirementAlarm
from tests.servers import eventually
from tests.unit.policy.test_retirements import catalog

DAY_S = 86_400.0


def test_the_alarm_is_one_line_with_stable_fields() -> None:
    clock = MemoryClock()  # 2027-01-15
    with capture_logs() as lines:
        RetirementAlarm(lambda: catalog(old=date(2027, 1, 31)), clock).look()
    assert lines == [
        {
            "event": "deployment_retires",
            "log_level": "warning",
            "deployment": "old",
            "retires_on": "2027-01-31",
            "days_left": 16,
            "models": ["smart"],
            "groups": ["first"],
        }
    ]


async def test_it_is_given_at_the_start_and_once_a_day() -> None:
    clock = MemoryClock()
    alarm = RetirementAlarm(lambda: catalog(old=date(2027, 1, 31)), clock, every_s=0.001)
    with capture_logs() as lines:
        run = asyncio.create_task(alarm.run())
        await eventually(lambda: len(lines) == 1, "the first alarm")
        for passed in range(1, 4):
            clock.advance(DAY_S)
            await eventually(lambda: len(lines) > passed, "the next day's")  # noqa: B023 - awaited before it changes
        run.cancel()
        await asyncio.wait({run})
    assert [line["days_left"] for line in lines] == [16, 15, 14, 13]
