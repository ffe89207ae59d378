"""Rules in other processes: what comes back, and whom a slow, stuck or dying one costs what."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import tests.slow_rules
from extproc.adapters.rule_pool import PoolSize, RulePool, open_rule_pool
from extproc.model.guard import Direction, Finding, Leaf, Scanned, Trust
from extproc.model.guard_policy import RuleSpec
from extproc.model.refusals import Unavailable
from tests.servers import eventually

Found = tuple[tuple[Finding, ...], ...]
PLACE = ("messages", 0, "content")
LONG_S = 60.0
QUICK = RuleSpec("test_word")


def spec(**options: Any) -> RuleSpec:
    return RuleSpec("test_word", tuple(sorted(options.items())))


def leaf(text: str = "hay needle hay") -> Leaf:
    return Leaf(PLACE, text, Trust.USER)


@asynccontextmanager
async def pool(**size: Any) -> AsyncIterator[RulePool]:
    wanted = PoolSize(**{"inline_characters": 0, "limit_s": LONG_S, **size})
    async with open_rule_pool(wanted, modules=(tests.slow_rules.__name__,)) as opened:
        yield opened


async def ask(opened: RulePool, organisation: str, *specs: RuleSpec) -> Found:
    return found(await opened.run(organisation, specs, (leaf(),), Direction.INPUT))


def found(scanned: tuple[Scanned, ...]) -> Found:
    return tuple(each.findings for each in scanned)


FOUND = ((Finding("test.needle", PLACE, 4, 10),),)


async def test_each_rule_answers_in_its_place_here_and_in_a_process() -> None:
    specs = (spec(word="hay"), spec(word="nothing"), QUICK)
    async with pool() as opened:
        there = await ask(opened, "acme", *specs)
    async with pool(inline_characters=100) as opened:
        opened.processes[0].close()
        opened.processes[1].close()
        here = await ask(opened, "acme", *specs)
    assert here == there == ((Finding("test.hay", PLACE, 0, 3),), (), FOUND[0])


async def test_only_texts_beyond_the_size_leave_the_event_loop() -> None:
    async with pool(inline_characters=20, processes=1) as opened:
        opened.processes[0].close()
        here = await opened.run("acme", (QUICK,), (leaf("n" * 10), leaf("n" * 10)), Direction.INPUT)
        assert found(here) == ((),)
        asking = asyncio.create_task(opened.run("acme", (QUICK,), (leaf("n" * 10), leaf("n" * 11)), Direction.INPUT))
        await eventually(lambda: bool(opened._held), "a question for the processes")
        asking.cancel()
        await asyncio.wait({asking})


async def test_others_are_answered_while_one_organisation_is_stuck(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with pool() as opened:
        stuck = [asyncio.create_task(ask(opened, "slow", spec(until=str(gate)))) for _ in range(5)]
        await eventually(lambda: opened._running["slow"] == 1, "a stuck rule")
        for _ in range(20):
            assert await ask(opened, "acme", QUICK) == FOUND
        assert not any(task.done() for task in stuck)
        gate.touch()
        assert await asyncio.gather(*stuck) == [FOUND] * 5


async def test_a_stuck_rule_costs_its_process_and_who_asked_gets_no_answer(tmp_path: Path) -> None:
    async with pool(limit_s=1.0) as opened:
        before = {process.pid for process in opened.processes}
        with pytest.raises(Unavailable):
            await ask(opened, "slow", spec(until=str(tmp_path / "never")))
        await eventually(lambda: opened.replaced == 1 and len(opened._idle) == 2, "another process", 30)
        assert len(before & {process.pid for process in opened.processes}) == 1


async def test_a_rule_that_ends_its_process_is_no_answer_and_the_next_question_has_one() -> None:
    async with pool(processes=1) as opened:
        with pytest.raises(Unavailable):
            await ask(opened, "acme", spec(dies=True))
        assert await ask(opened, "acme", QUICK) == FOUND
        assert opened.replaced == 1


async def test_a_process_that_was_killed_while_idle_costs_nobody_an_answer() -> None:
    async with pool(processes=1) as opened:
        (process,) = opened.processes
        pid = process.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: process._process is not None and process._process.poll() is not None, "its end")
        assert await ask(opened, "acme", QUICK) == FOUND
        assert process.pid != pid


async def test_a_bug_in_a_rule_is_told_without_the_text() -> None:
    async with pool() as opened:
        with pytest.raises(RuntimeError, match=r"^a rule failed: LookupError$"):
            await ask(opened, "acme", spec(raises=True))
        assert opened.replaced == 0


async def test_too_many_questions_of_one_organisation_are_refused_and_nobody_elses(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with pool(most_waiting=3) as opened:
        waiting = [asyncio.create_task(ask(opened, "slow", spec(until=str(gate)))) for _ in range(3)]
        await eventually(lambda: opened._held["slow"] == 3, "three questions")
        with pytest.raises(Unavailable):
            await ask(opened, "slow", QUICK)
        assert opened.refused == 1
        assert await ask(opened, "acme", QUICK) == FOUND
        gate.touch()
        await asyncio.gather(*waiting)
        assert await ask(opened, "slow", QUICK) == FOUND
        assert not opened._held


async def test_organisations_take_turns(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    order: list[str] = []

    async def note(opened: RulePool, organisation: str) -> None:
        await ask(opened, organisation, QUICK)
        order.append(organisation)

    async with pool(processes=1) as opened:
        first = asyncio.create_task(ask(opened, "first", spec(until=str(gate))))
        await eventually(lambda: opened._running["first"] == 1, "a busy process")
        tasks = [asyncio.create_task(note(opened, name)) for name in ("many", "many", "many", "one")]
        await eventually(lambda: opened._held["many"] == 3 and opened._held["one"] == 1, "questions that wait")
        gate.touch()
        await asyncio.gather(first, *tasks)
    assert order.index("one") == 1


async def test_who_gives_up_waiting_leaves_no_trace(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with pool(processes=1) as opened:
        running = asyncio.create_task(ask(opened, "acme", spec(until=str(gate))))
        await eventually(lambda: opened._running["acme"] == 1, "a busy process")
        waiting = asyncio.create_task(ask(opened, "acme", QUICK))
        await eventually(lambda: opened._held["acme"] == 2, "one that waits")
        for task in (waiting, running):
            task.cancel()
        await asyncio.wait({waiting, running})
        assert not opened._held
        assert not opened._waiting
        gate.touch()
        assert await ask(opened, "acme", QUICK) == FOUND
        assert opened.replaced == 0


async def test_rules_are_compiled_before_they_are_asked_for() -> None:
    async with pool() as opened:
        await opened.prepare((QUICK,))
        assert await ask(opened, "acme", QUICK) == FOUND


async def test_processes_end_with_the_pool() -> None:
    async with pool() as opened:
        pids = [process.pid for process in opened.processes]
    for pid in pids:
        assert pid is not None
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_what_cannot_start_is_said() -> None:
    with pytest.raises(Unavailable):
        async with open_rule_pool(modules=("no.such.module",), start_s=0.5):
            pass
