"""What a scanner stands behind: its deadline, its breaker and each organisation's own share."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from extproc.adapters.guarded_scanner import GuardedScanner
from extproc.adapters.memory_guard import MemoryScanner
from extproc.model.guard import Direction, Finding, Leaf, Trust
from extproc.model.refusals import Unavailable
from extproc.policy.breaker import BreakerPolicy
from extproc.policy.bulkhead import BulkheadPolicy
from extproc.policy.guard_ports import CONTEXT_PLACE, ScanAsked
from tests.servers import eventually

LEAF = Leaf(("messages", 0, "content"), "text", Trust.USER)
FINDING = Finding("m.x", LEAF.place, 0, 4)


@dataclass
class Scripted:
    """Answers, hangs or fails, by organisation."""

    hangs: set[str] = field(default_factory=set)
    fails: set[str] = field(default_factory=set)
    bugs: set[str] = field(default_factory=set)
    began: list[str] = field(default_factory=list)

    async def scan(self, asked: ScanAsked) -> Sequence[Finding]:
        self.began.append(asked.organisation)
        if asked.organisation in self.bugs:
            raise LookupError
        if asked.organisation in self.fails:
            raise Unavailable("inner", "told to")
        while asked.organisation in self.hangs:
            await asyncio.sleep(0.001)
        return (FINDING,)


class World:
    def __init__(self, **bulkhead: int) -> None:
        self.now_s = 100.0
        self.inner = Scripted()
        self.scanner = GuardedScanner(
            "model", self.inner, BreakerPolicy(2, 1.0, 8.0), BulkheadPolicy(**bulkhead), now_s=lambda: self.now_s
        )

    async def ask(self, organisation: str = "acme", limit_s: float = 30.0) -> Sequence[Finding]:
        return await self.scanner.scan(ScanAsked(organisation, "e1", Direction.INPUT, (LEAF,), (), limit_s))

    async def fail(self, organisation: str = "acme", limit_s: float = 30.0) -> str:
        with pytest.raises(Unavailable) as raised:
            await self.ask(organisation, limit_s)
        return raised.value.reason


async def test_what_is_found_is_passed_on_and_nothing_is_asked_about_nothing() -> None:
    world = World()
    assert await world.ask() == (FINDING,)
    nothing = ScanAsked("acme", "e1", Direction.INPUT, (), (), 1.0)
    assert await world.scanner.scan(nothing) == ()
    assert world.inner.began == ["acme"]


@pytest.mark.parametrize(("reads_context", "expected"), [(True, 2), (False, 1)])
async def test_the_context_of_an_answer_is_for_those_who_hold_one_against_the_other(
    reads_context: bool, expected: int
) -> None:
    inner = MemoryScanner({"text": "x"})
    scanner = GuardedScanner("model", inner, reads_context=reads_context)
    context = Leaf((CONTEXT_PLACE, 0), "text", Trust.HOSTILE)
    assert len(await scanner.scan(ScanAsked("acme", "e1", Direction.OUTPUT, (LEAF, context), (), 30.0))) == expected
    assert len(inner.asked[0].leaves) == expected


async def test_one_that_hangs_is_given_up_at_the_deadline_and_soon_not_asked_any_more() -> None:
    world = World()
    world.inner.hangs.add("acme")
    assert await world.fail(limit_s=0.01) == await world.fail(limit_s=0.01) == "no answer in time"
    assert "rest" in await world.fail()
    assert len(world.inner.began) == 2


async def test_one_that_hangs_is_known_to_even_if_who_asks_gives_up_at_the_same_moment() -> None:
    world = World()
    world.inner.hangs.add("acme")
    for _ in range(2):
        with pytest.raises((TimeoutError, Unavailable)):
            async with asyncio.timeout(0.05):
                await world.ask(limit_s=0.05)
    assert "rest" in await world.fail()


async def test_it_is_asked_again_after_its_rest_and_then_by_all() -> None:
    world = World()
    world.inner.fails.add("acme")
    for _ in range(2):
        assert await world.fail() == "told to"
    world.inner.fails.clear()
    assert "rest" in await world.fail()
    world.now_s += 1.0
    assert await world.ask() == await world.ask() == (FINDING,)


async def test_what_one_organisation_does_to_it_closes_it_to_nobody_else() -> None:
    world = World(most_running=2, most_waiting=0)
    world.inner.hangs.add("slow")
    held = [asyncio.create_task(world.ask("slow")) for _ in range(2)]
    await eventually(lambda: world.inner.began == ["slow"] * 2, "two under way")
    assert "waits" in await world.fail("slow")
    assert await world.ask("acme") == (FINDING,)
    world.inner.hangs.clear()
    assert await asyncio.gather(*held) == [(FINDING,), (FINDING,)]
    world.inner.fails.add("slow")
    for _ in range(2):
        await world.fail("slow")
    assert "rest" in await world.fail("slow")
    assert await world.ask("acme") == (FINDING,)


async def test_questions_that_never_had_their_turn_do_not_count_as_failures() -> None:
    world = World(most_running=1, most_waiting=5)
    world.inner.hangs.add("acme")
    first = asyncio.create_task(world.ask())
    await eventually(lambda: bool(world.inner.began), "one under way")
    for _ in range(5):
        assert await world.fail(limit_s=0.01) == "no answer in time"
    world.inner.hangs.clear()
    assert await first == (FINDING,)
    assert await world.ask() == (FINDING,)


async def test_a_question_that_is_given_up_from_outside_tells_nothing() -> None:
    world = World()
    world.inner.fails.add("acme")
    for _ in range(2):
        await world.fail()
    world.now_s += 1.0
    world.inner.fails.clear()
    world.inner.hangs.add("acme")
    probe = asyncio.create_task(world.ask())
    await eventually(lambda: len(world.inner.began) == 3, "the one that finds out")
    probe.cancel()
    await asyncio.wait({probe})
    world.inner.hangs.clear()
    assert await world.ask() == (FINDING,)


async def test_a_bug_in_a_scanner_is_passed_on_and_the_next_question_finds_out() -> None:
    world = World()
    world.inner.fails.add("acme")
    for _ in range(2):
        await world.fail()
    world.now_s += 1.0
    world.inner.fails.clear()
    world.inner.bugs.add("acme")
    with pytest.raises(LookupError):
        await world.ask()
    world.inner.bugs.clear()
    assert await world.ask() == (FINDING,)
