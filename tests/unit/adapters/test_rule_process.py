"""One process that runs rules: started, asked, replaced and ended."""

import queue
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import tests.slow_rules
from extproc.adapters.rule_process import Job, RuleProcess
from extproc.adapters.rule_worker import Answer
from extproc.model.guard import Direction, Leaf, Trust
from extproc.model.guard_policy import RuleSpec

LEAF = Leaf(("messages", 0, "content"), "a needle", Trust.USER)
Told = queue.SimpleQueue[RuleProcess]


@pytest.fixture
def process() -> Iterator[tuple[RuleProcess, Told]]:
    told: Told = queue.SimpleQueue()
    started = RuleProcess((tests.slow_rules.__name__,), told.put)
    started.start()
    yield started, told
    started.close()


def ask(process: RuleProcess, limit_s: float = 60.0, **options: object) -> Answer | None:
    answers: queue.SimpleQueue[Answer | None] = queue.SimpleQueue()
    rule = RuleSpec("test_word", tuple(sorted(options.items())))  # type: ignore[arg-type]
    deadline_s = time.monotonic() + limit_s
    process.take(Job(((rule,), (LEAF,), Direction.INPUT), deadline_s, lambda _, answer: answers.put(answer)))
    return answers.get(timeout=30)


def test_it_says_that_it_is_idle_before_and_after_each_job(process: tuple[RuleProcess, Told]) -> None:
    asked, told = process
    for _ in range(3):
        assert told.get(timeout=30) is asked
        assert told.empty()
        assert ask(asked)
    assert asked.replaced == 0


def test_one_that_is_stuck_is_killed_and_replaced(process: tuple[RuleProcess, Told], tmp_path: Path) -> None:
    asked, told = process
    told.get(timeout=30)
    first = asked.pid
    assert ask(asked, limit_s=0.1, until=str(tmp_path / "never")) is None
    told.get(timeout=30)
    assert asked.pid != first
    assert asked.replaced == 1
    assert ask(asked)


def test_after_it_is_closed_its_process_is_gone(process: tuple[RuleProcess, Told]) -> None:
    asked, told = process
    told.get(timeout=30)
    child = asked._process
    assert child is not None
    asked.close()
    assert child.wait(10) != 0
    assert asked._thread is not None
    assert not asked._thread.is_alive()
