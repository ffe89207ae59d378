"""The alarm for retirements: one ``deployment_retires`` line of the log for each, at the start and then once a day.

The event's name and its fields are stable: alerting hooks on to them. What is said is decided in
``policy.retirements``.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from extproc.model.catalog import Catalog
from extproc.policy.ports import Clock
from extproc.policy.retirements import Reminder


class RetirementAlarm:
    """For one process of the gateway: the first worker has it, so that a fleet says everything once."""

    def __init__(self, catalog: Callable[[], Catalog], clock: Clock, every_s: float = 10.0) -> None:
        """``every_s`` is how often it looks: a change of ``gateway.yaml`` is noticed as well as a new day."""
        self._catalog = catalog
        self._clock = clock
        self._every_s = every_s
        self._reminder = Reminder()
        self._log = structlog.get_logger("extproc.retirements")

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(self._every_s)

    def look(self) -> None:
        """Say what is due now."""
        today = datetime.fromtimestamp(self._clock.now_s(), UTC).date()
        for each in self._reminder.due(self._catalog(), today):
            self._log.warning(
                "deployment_retires",
                deployment=each.deployment,
                retires_on=each.retires_on.isoformat(),
                days_left=each.days_left,
                models=list(each.models),
                groups=list(each.groups),
            )
