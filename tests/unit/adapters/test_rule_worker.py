"""What a process that runs rules answers, and that it says so over a socket until its other end closes."""

import os
import signal
import socket
import subprocess
import sys
from multiprocessing.connection import Connection

import tests.slow_rules
from extproc.adapters.rule_worker import READY, answer
from extproc.guard.rules import compile_rule
from extproc.model.guard import Direction, Finding, Leaf, Trust
from extproc.model.guard_policy import RuleSpec

RULE = RuleSpec("test_word")
ENVIRONMENT = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
LEAF = Leaf(("messages", 0, "content"), "a needle", Trust.USER)


def test_without_leaves_the_rules_are_compiled() -> None:
    fresh = RuleSpec("test_word", (("word", "thread"),))
    before = compile_rule.cache_info().misses
    assert answer(((fresh,), (), Direction.INPUT)) == ()
    assert compile_rule.cache_info().misses == before + 1
    answer(((fresh,), (LEAF,), Direction.INPUT))
    assert compile_rule.cache_info().misses == before + 1


def test_a_bug_is_told_by_its_kind_alone() -> None:
    assert answer(((RuleSpec("test_word", (("raises", True),)),), (LEAF,), Direction.INPUT)) == "LookupError"
    assert answer(((RuleSpec("no_such_rule"),), (LEAF,), Direction.INPUT)) == "KeyError"


def test_it_answers_until_the_other_end_closes() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-P", "-m", "extproc.adapters.rule_worker", str(theirs.fileno())]
        process = subprocess.Popen([*command, tests.slow_rules.__name__], pass_fds=(theirs.fileno(),), env=ENVIRONMENT)
    with Connection(ours.detach()) as connection:
        assert connection.recv() == READY
        connection.send(((RULE,), (LEAF,), Direction.INPUT))
        (scanned,) = connection.recv()
        assert scanned.findings == (Finding("test.needle", LEAF.place, 2, 8),)
        process.send_signal(signal.SIGINT)
        connection.send(((RULE,), (), Direction.INPUT))
        assert connection.recv() == ()
    assert process.wait(10) == 0
