"""A process that runs rules for ``rule_pool``: one question after the other over a socket, until the other end closes.

It prints nothing and keeps nothing but compiled rules. Started as ``python -m extproc.adapters.rule_worker FD MODULE``
with any number of modules, which are imported before it says that it is ready.
"""

import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from multiprocessing.connection import Connection

from extproc.guard.rules import compile_rule, scan_leaves
from extproc.model.guard import Direction, Leaf, Scanned
from extproc.model.guard_policy import RuleSpec

READY = "ready"
_NICE = 5

Question = tuple[tuple[RuleSpec, ...], tuple[Leaf, ...], Direction]
"""Without leaves: compile these rules, so that the next question need not."""

Answer = tuple[Scanned, ...] | str
"""What each rule found, or the kind of a bug: its message may quote what was scanned."""


def answer(question: Question) -> Answer:
    """What the rules find."""
    specs, leaves, direction = question
    try:
        if not leaves:
            for spec in specs:
                compile_rule(spec)
            return ()
        return scan_leaves(specs, leaves, direction)
    except Exception as bug:  # noqa: BLE001 - told to who asked, who raises it there
        return type(bug).__name__


def main(arguments: Sequence[str]) -> None:
    """Answer until the other end is gone."""
    # A terminal's Ctrl-C is for who started us; we end with our socket.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Where processors are short, what decides and passes requests on comes before texts that are long.
    os.nice(_NICE)
    for module in arguments[1:]:
        import_module(module)
    with Connection(int(arguments[0])) as connection:
        try:
            connection.send(READY)
            while True:
                connection.send(answer(connection.recv()))
        except (EOFError, OSError):
            return


if __name__ == "__main__":
    main(sys.argv[1:])
