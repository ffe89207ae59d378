"""Four times the text costs about four times as much, whatever it is made of: reading it, and each rule. Threat D06.

In CPU time of this thread, one size held against the other: how fast a machine is does not matter. A quadratic rule
would take sixteen times as long. What it costs is measured by ``make bench-guard``.
"""

import gc
import time
from collections.abc import Callable

import pytest

from bench.guard_texts import HARD, text_of
from extproc.guard.read import read
from extproc.guard.reading import Reading, View
from extproc.guard.rule import Rule
from extproc.guard.rules import compile_rule
from extproc.model.guard import Direction, Leaf, Trust
from extproc.model.guard_policy import Options, RuleSpec

SMALL, LARGE = 262_144, 1_048_576
MOST = 2.75 * LARGE / SMALL
"""Eleven: what no longer fits the processor's caches costs more, and a neighbour on the machine takes them away."""
TRIES = 4
LEAST_S = 0.002
"""What takes no longer is held against this: the clock has a grain."""
OPTIONS: dict[str, Options] = {"topics": (("words", ("rival bank", "merger", "competitor")),)}
RULES = ("injection", "markers", "opaque", "pii", "secrets", "topics", "urls")


def spent_s(deed: Callable[[], object]) -> float:
    gc.collect()
    gc.disable()  # how much there is to collect depends on what ran before
    try:
        start_s = time.thread_time()
        deed()
        return time.thread_time() - start_s
    finally:
        gc.enable()


def grows_with_the_text(deed: Callable[[str], object], unit: str) -> float:
    """The least ratio seen: whatever else happens on a machine only makes one larger."""
    small, large = text_of(unit, SMALL), text_of(unit, LARGE)
    ratio = float("inf")
    for _ in range(TRIES):
        before_s = max(spent_s(lambda: deed(small)), LEAST_S)
        ratio = min(ratio, spent_s(lambda: deed(large)) / before_s)
        if ratio <= MOST:
            break
    return ratio


@pytest.mark.parametrize("name", HARD)
def test_reading_is_linear(name: str) -> None:
    assert grows_with_the_text(lambda text: read(Leaf(("x",), text, Trust.HOSTILE)), HARD[name]) <= MOST


@pytest.mark.parametrize("name", HARD)
def test_every_rule_is_linear(name: str) -> None:
    for rule_name in RULES:
        rule = compile_rule(RuleSpec(rule_name, OPTIONS.get(rule_name, ())))

        def scan(text: str, rule: Rule = rule) -> object:
            leaf = Leaf(("x",), text, Trust.HOSTILE)
            return rule.scan(Reading(leaf, (View(text),)), Direction.INPUT)

        assert grows_with_the_text(scan, HARD[name]) <= MOST, rule_name
