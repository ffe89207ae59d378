import pytest

import tests.slow_rules
from extproc.adapters.memory_guard import MemoryRuleRunner, MemoryScanner
from extproc.model.guard import Direction, Finding, Leaf, Trust
from extproc.model.guard_policy import RuleSpec
from extproc.model.refusals import Unavailable
from extproc.policy.guard_ports import ScanAsked

LEAF = Leaf(("messages", 0, "content"), "a needle", Trust.USER)
ASKED = ScanAsked("acme", "e1", Direction.INPUT, (LEAF,), (), 1.0)


async def test_rules_run_where_they_are_and_who_asked_is_remembered() -> None:
    assert tests.slow_rules
    runner = MemoryRuleRunner()
    (scanned,) = await runner.run("acme", (RuleSpec("test_word"),), (LEAF,), Direction.OUTPUT)
    assert scanned.findings == (Finding("test.needle", LEAF.place, 2, 8),)
    assert runner.asked == [("acme", Direction.OUTPUT)]


async def test_a_scanner_finds_its_words_and_nothing_else() -> None:
    scanner = MemoryScanner({"needle": "model.needle", "thread": "model.thread"}, score=0.7)
    assert await scanner.scan(ASKED) == (Finding("model.needle", LEAF.place, 2, 8, 0.7),)
    assert scanner.asked == [ASKED]


async def test_what_is_told_to_be_down_gives_no_answer() -> None:
    with pytest.raises(Unavailable):
        await MemoryRuleRunner(is_down=True).run("acme", (), (LEAF,), Direction.INPUT)
    with pytest.raises(Unavailable):
        await MemoryScanner(is_down=True).scan(ASKED)
