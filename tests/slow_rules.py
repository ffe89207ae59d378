"""Rules for tests of whatever runs rules: import it, and they are among the built-in ones."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from extproc.guard.reading import Reading
from extproc.guard.rule import Rule
from extproc.guard.rules import RULES
from extproc.model.guard import Direction, Finding
from extproc.model.guard_policy import Options


@dataclass(frozen=True, slots=True)
class _Word:
    """Finds ``word``; before that it does what its other options say."""

    word: str = "needle"
    sleeps_s: float = 0.0
    until: str = ""
    """A file: it sleeps until that is there."""
    dies: bool = False
    raises: bool = False
    reach: int = 100

    def scan(self, reading: Reading, direction: Direction) -> Sequence[Finding]:
        if self.dies:
            os._exit(9)
        if self.raises:
            raise LookupError(reading.leaf.text)
        time.sleep(self.sleeps_s)
        while self.until and not os.path.exists(self.until):  # noqa: PTH110 - quick
            time.sleep(0.005)
        start = reading.leaf.text.find(self.word)
        return () if start < 0 else (Finding(f"test.{self.word}", reading.leaf.place, start, start + len(self.word)),)


def _build(options: Options) -> Rule:
    return cast("Rule", _Word(**dict(options)))  # type: ignore[arg-type]


if isinstance(RULES, dict):
    RULES["test_word"] = _build
