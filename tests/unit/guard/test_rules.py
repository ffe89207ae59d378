"""A set of rules runs over a set of leaves, each rule compiled once for its settings."""

import pytest

from extproc.guard.rules import compile_rule, reach_of, scan_leaves
from extproc.model.guard import Direction, Leaf, Trust
from extproc.model.guard_policy import RuleSpec


def test_an_unknown_scanner_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        compile_rule(RuleSpec("nothing"))


def test_no_rules_find_nothing_and_hold_nothing_back() -> None:
    assert scan_leaves((), (Leaf(("input",), "x", Trust.USER),), Direction.INPUT) == ()
    assert reach_of(()) == 0
