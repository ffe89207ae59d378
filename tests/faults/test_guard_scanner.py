"""A scanner service that hangs and dies behind the whole gateway, under traffic of three organisations. Threat D05.

One's policy closes without the scanner, another's opens, and the third does not ask it. The service is the real one;
what it serves is a scanner that looks for a word.
"""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.e2e.rig import Rig, chat, error_code, make_rig
from tests.e2e.rig_values import OTHERS, TOKEN
from tests.scanner_service import ScannerService

KEYS = {"strict": TOKEN, "lenient": OTHERS["beta"], "without": OTHERS["gamma"]}
ATTACK, GREETING = "This is an attack.", "Good morning."
PASSED, BLOCKED, DOWN = (200, ""), (400, "content_blocked"), (503, "scanner_unavailable")
JUDGED = {
    "strict": {ATTACK: BLOCKED, GREETING: PASSED},
    "lenient": {ATTACK: BLOCKED, GREETING: PASSED},
    "without": {ATTACK: PASSED, GREETING: PASSED},
}
UNJUDGED = {"strict": DOWN, "lenient": PASSED, "without": PASSED}


def policies(address: str) -> dict[str, Any]:
    check = {"action": "block", "limit_s": 0.4}
    limits = {"rest_s": 0.1, "most_rest_s": 0.5}
    return {
        "scanners": [{"name": "jailbreak", "service": {"address": address, "scanner": "words"}, "limits": limits}],
        "default": "strict",
        "policies": [
            {"name": "strict", "input": {"jailbreak": {**check, "when_unavailable": "closed"}}},
            {"name": "lenient", "input": {"jailbreak": {**check, "when_unavailable": "open"}}},
            {"name": "without", "input": {"markers": {"action": "block"}}},
        ],
        "tenants": [{"policy": "lenient", "organisation": "beta"}, {"policy": "without", "organisation": "gamma"}],
    }


@pytest.fixture
def service() -> ScannerService:
    return ScannerService()


@pytest.fixture
def scanned(service: ScannerService) -> Iterator[Rig]:
    yield from make_rig(changes={"guard": policies(service.address)})


class Traffic:
    """Three organisations that ask about both texts without end, and what each was told."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.tally: Counter[tuple[str, str, tuple[int, str]]] = Counter()
        self.wrong: list[str] = []
        self.unjudged: list[str] = []
        """The exchanges of attacks that went on without having been judged."""

    async def run(self, name: str) -> None:
        async with self.rig.client(headers={"authorization": f"Bearer {KEYS[name]}"}) as client:
            while True:
                for text, judged in JUDGED[name].items():
                    response = await client.post("/v1/chat/completions", json=chat(text))
                    told = self.told(response)
                    self.tally[name, text, told] += 1
                    if told not in {judged, UNJUDGED[name]}:
                        self.wrong.append(f"{name}: {text} {told}")
                    elif name == "lenient" and text == ATTACK and told == PASSED:
                        self.unjudged.append(response.headers["x-request-id"])
                await asyncio.sleep(0.01)

    @staticmethod
    def told(response: httpx.Response) -> tuple[int, str]:
        return response.status_code, "" if response.is_success else error_code(response)

    async def until(self, *, is_up: bool) -> None:
        """Each has been told five more times, of each text, what it has to be told then."""
        wanted = {
            (name, text, judged if is_up else UNJUDGED[name]): 0
            for name, texts in JUDGED.items()
            for text, judged in texts.items()
        }
        wanted = {key: self.tally[key] + 5 for key in wanted}
        async with asyncio.timeout(90):
            while any(self.tally[key] < number for key, number in wanted.items()):
                await asyncio.sleep(0.02)


@asynccontextmanager
async def traffic(rig: Rig) -> AsyncIterator[Traffic]:
    made = Traffic(rig)
    tasks = [asyncio.create_task(made.run(name)) for name in KEYS]
    try:
        yield made
        assert not any(task.done() for task in tasks), "somebody ended"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_hung_or_killed_each_policy_has_its_way_others_notice_nothing_and_it_comes_back_by_itself(
    service: ScannerService, scanned: Rig
) -> None:
    await service.start()
    try:
        async with traffic(scanned) as made:
            await made.until(is_up=True)
            service.signal(signal.SIGSTOP)
            await made.until(is_up=False)
            service.signal(signal.SIGCONT)
            await made.until(is_up=True)
            await service.end()
            await made.until(is_up=False)
            await service.start()
            await made.until(is_up=True)
    finally:
        await service.end()
    assert made.wrong == []
    assert {told for name, _, told in made.tally if name == "without"} == {PASSED}
    for request_id in made.unjudged[:3] + made.unjudged[-3:]:
        verdicts = scanned.exchange(request_id)["context"]["verdicts"]
        assert [(each["scanner"], each["result"]) for each in verdicts] == [("jailbreak", "failed_open")]
    attacks = [each for each in scanned.provider.requests if ATTACK in str(each.json)]
    passed = sum(number for (_, text, told), number in made.tally.items() if text == ATTACK and told == PASSED)
    # One more of each may have been under way when it ended.
    assert passed <= len(attacks) <= passed + len(KEYS)
