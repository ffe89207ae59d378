"""A scanner service killed and hung under traffic: what a policy that closes and one that opens make of it."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from extproc.adapters.guarded_scanner import GuardedScanner
from extproc.adapters.memory_guard import MemoryRuleRunner
from extproc.model.guard import Direction, Leaf, Result, Trust
from extproc.model.guard_policy import Action, Check, GuardPolicies, OnFailure
from extproc.model.guard_scanners import ServiceSettings
from extproc.policy.breaker import BreakerPolicy
from extproc.policy.guard import GuardDesk, Subject, judge
from extproc.wire.scanner_client import open_scanner_client
from tests.scanner_service import ScannerService

POLICIES = {"strict": OnFailure.CLOSED, "lenient": OnFailure.OPEN}
TEXTS = {"an attack": Result.BLOCKED, "a greeting": Result.CLEAN}
WITHOUT = {"strict": Result.FAILED_CLOSED, "lenient": Result.FAILED_OPEN}
"""What a policy says of a text that was not judged."""


class Traffic:
    """Two organisations that ask about both texts without end, and what came of it."""

    def __init__(self, desk: GuardDesk) -> None:
        self.desk = desk
        self.tally: Counter[tuple[str, Result]] = Counter()
        self.wrong: list[str] = []

    async def run(self, organisation: str) -> None:
        check = Check("guard", Action.BLOCK, 0.5, POLICIES[organisation], 0.5, is_builtin=False)
        while True:
            for text, expected in TEXTS.items():
                leaves = (Leaf(("messages", 0, "content"), text, Trust.USER),)
                subject = Subject(organisation, "e1", "v1")
                (verdict,) = (await judge(self.desk, (check,), leaves, Direction.INPUT, subject)).verdicts
                self.tally[organisation, verdict.result] += 1
                if verdict.result not in {expected, WITHOUT[organisation]}:
                    self.wrong.append(f"{organisation}: {text} was {verdict.result}")
            await asyncio.sleep(0.005)

    async def until(self, *results: Result) -> None:
        """Each organisation has had ten more of each of these that its policy knows."""
        wanted = {
            (organisation, result): self.tally[organisation, result] + 10
            for organisation in POLICIES
            for result in results
            if result not in WITHOUT.values() or result is WITHOUT[organisation]
        }
        async with asyncio.timeout(60):
            while any(self.tally[key] < number for key, number in wanted.items()):
                await asyncio.sleep(0.01)


@asynccontextmanager
async def traffic(service: ScannerService) -> AsyncIterator[Traffic]:
    async with open_scanner_client("guard", ServiceSettings(service.address, "words")) as client:
        scanner = GuardedScanner("guard", client, BreakerPolicy(3, 0.1, 0.5))
        made = Traffic(GuardDesk(GuardPolicies, MemoryRuleRunner(), lambda: {"guard": scanner}))
        tasks = [asyncio.create_task(made.run(organisation)) for organisation in POLICIES]
        yield made
        for task in tasks:
            assert not task.done(), "an asker ended"
            task.cancel()
        await asyncio.wait(tasks)


async def test_killed_and_hung_each_policy_has_its_way_and_an_answer_is_never_made_up() -> None:
    service = ScannerService()
    await service.start()
    try:
        async with traffic(service) as made:
            await made.until(*TEXTS.values())
            service.signal(signal.SIGSTOP)
            await made.until(*WITHOUT.values())
            service.signal(signal.SIGCONT)
            await made.until(*TEXTS.values())
            await service.end()
            await made.until(*WITHOUT.values())
            await service.start()
            await made.until(*TEXTS.values())
        assert made.wrong == []
        assert made.tally["strict", Result.FAILED_OPEN] == made.tally["lenient", Result.FAILED_CLOSED] == 0
    finally:
        await service.end()
