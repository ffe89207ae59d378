"""A firewall for tests: rules that find words, a desk in memory, and a provider's stream in pieces.

Import it, and ``test_words`` is among the built-in rules; it looks into every reading of a text.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, cast

from extproc.adapters.memory_guard import MemoryRuleRunner
from extproc.dialects.dialect import Chunk, Done, StreamItem
from extproc.exchange.output_guard import OutputGuard
from extproc.guard.reading import Reading
from extproc.guard.rule import Rule
from extproc.guard.rules import RULES
from extproc.model.guard import Direction, Finding, GuardSecrets
from extproc.model.guard_policy import Action, Check, GuardPolicies, GuardPolicy, Options
from extproc.policy.guard import GuardDesk, Subject
from extproc.policy.guard_ports import RuleRunner, Scanner

CANARY = "kfnrtb-qhdmps-lgcjkb-tnrqfd"
"""In the form of ``guard.canary``."""
SUBJECT = Subject("acme", "x-1", "v1")


@dataclass(frozen=True, slots=True)
class _Pattern:
    pattern: re.Pattern[str]
    kind: str
    reach: int

    def scan(self, reading: Reading, direction: Direction) -> Sequence[Finding]:
        found = {
            (*view.span(*match.span()), view.via)
            for view in reading.views
            for match in self.pattern.finditer(view.text)
        }
        best: dict[tuple[int, int], tuple[str, ...]] = {}
        for start, end, via in sorted(found, key=lambda each: len(each[2])):
            best.setdefault((start, end), via)
        return tuple(
            Finding(self.kind, reading.leaf.place, start, end, 1.0, via) for (start, end), via in sorted(best.items())
        )


def _words(options: Options) -> Rule:
    words = cast("tuple[str, ...]", dict(options).get("words", (CANARY,)))
    pattern = re.compile("|".join(map(re.escape, words)))
    return _Pattern(pattern, "test_words.word", max(map(len, words)))


def _digits(options: Options) -> Rule:
    return _Pattern(re.compile(r"(?<!\d)\d{8,12}(?!\d)"), "test_digits.number", 14)


if isinstance(RULES, dict):
    RULES["test_words"] = _words
    RULES["test_digits"] = _digits
    RULES.setdefault("leakage", lambda options: _words((("words", (str(dict(options)["canary"]),)),)))


def words(action: Action, *found: str, **more: Any) -> Check:
    """A check for words; the canary where none is named."""
    return Check("test_words", action, options=(("words", found or (CANARY,)),), **more)


DIGITS = Check("test_digits", Action.REDACT)


@dataclass(slots=True)
class CountingRunner(MemoryRuleRunner):
    """Remembers how much was read."""

    chars: int = 0

    async def run(self, organisation: str, specs: Any, leaves: Any, direction: Direction) -> Any:
        self.chars += sum(len(leaf.text) for leaf in leaves)
        return await super(CountingRunner, self).run(organisation, specs, leaves, direction)


def desk(
    *checks: Check, scanners: Mapping[str, Scanner] | None = None, runner: RuleRunner | None = None, **policy: Any
) -> GuardDesk:
    """A desk with one policy for everybody."""
    policies = GuardPolicies(default=GuardPolicy("v1", output=checks, **policy))
    return GuardDesk(lambda: policies, runner or MemoryRuleRunner(), lambda: scanners or {})


def guard(*checks: Check, secrets: GuardSecrets | None = None, **more: Any) -> OutputGuard:
    """The guard of one attempt."""
    at = desk(*checks, **more)
    return OutputGuard(at, at.policies().default, SUBJECT, secrets or GuardSecrets())


def chunk(delta: Mapping[str, Any], choice: int = 0, reason: str | None = None, **more: Any) -> Chunk:
    """One chunk of one choice."""
    said = {"index": choice, "delta": dict(delta), "finish_reason": reason, **more}
    value = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [said]}
    return Chunk(json.loads(json.dumps(value)), json.dumps(value).encode())


def said(*pieces: str, field: str = "content", choice: int = 0) -> list[StreamItem]:
    """Chunks that say this in one field."""
    return [chunk({field: piece}, choice) for piece in pieces]


def argued(*pieces: str, call: int = 0, choice: int = 0) -> list[StreamItem]:
    """Chunks with pieces of a call's arguments."""
    return [chunk({"tool_calls": [{"index": call, "function": {"arguments": piece}}]}, choice) for piece in pieces]


END: list[StreamItem] = [Done()]


def ending(choice: int = 0, reason: str = "stop") -> list[StreamItem]:
    """A choice's last chunk."""
    return [chunk({}, choice, reason)]


@dataclass(slots=True)
class Heard:
    """What a client joins of a stream."""

    texts: dict[tuple[Any, ...], str] = field(default_factory=dict)
    chunks: int = 0
    is_done: bool = False

    def take(self, items: Iterable[StreamItem]) -> "Heard":
        for item in items:
            match item:
                case Chunk(value):
                    self.chunks += 1
                    for choice in value["choices"]:
                        for place, text in _texts(choice["delta"], (choice["index"],)):
                            self.texts[place] = self.texts.get(place, "") + text
                case Done():
                    self.is_done = True
                case _:
                    pass
        return self

    @property
    def content(self) -> str:
        return self.texts.get((0, "content"), "")

    @property
    def arguments(self) -> str:
        return self.texts.get((0, "tool_calls", 0, "arguments"), "")


def _texts(delta: Mapping[str, Any], place: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], str]]:
    for name, value in delta.items():
        if isinstance(value, str):
            yield (*place, name), value
    for call in delta.get("tool_calls", ()):
        yield (*place, "tool_calls", call["index"], "arguments"), call["function"].get("arguments", "")


async def flow(through: OutputGuard, items: Iterable[StreamItem], heard: Heard | None = None) -> Heard:
    """What comes out, chunk by chunk."""
    heard = heard or Heard()
    for item in items:
        heard.take(await through.stream([item]))
    return heard


def cut(text: str, cuts: Iterable[int]) -> list[str]:
    """The text in pieces that end there."""
    at = sorted({min(each, len(text)) for each in cuts} | {0, len(text)})
    return [text[a:b] for a, b in pairwise(at)]
