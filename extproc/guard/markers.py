r"""Rule ``markers``: somebody writes what only a chat template writes, to make his words somebody else's turn.

    markers.template   a special token of a model family: ``<|im_start|>``, ``[INST]``, ``<start_of_turn>``
    markers.tool       the tags around a tool's call or result
    markers.turn       a turn in plain words: ``\n\nHuman:``, ``### System:``
    markers.role       a message as JSON within a text: ``{"role": "system"``

Who asks about templates quotes them: what a user quotes, or merely names, scores below one half, and a whole turn
above. In tool results, retrieved context, declarations and what a model wrote no template has any business. The tokens
are those of the families' published templates: OpenAI (ChatML, Harmony), Llama 2 to 4, Mistral, Gemma, Qwen, DeepSeek,
Cohere, Phi, GLM, Granite, Anthropic, Alpaca, Vicuna (read 2026-11-23). Read next: ``marker_quotes``.
"""

from collections.abc import Sequence
from itertools import islice

import re2

from extproc.guard.marker_quotes import Quotes
from extproc.guard.reading import Reading, View
from extproc.model.guard import Direction, Finding, Trust
from extproc.model.guard_policy import Options

_MOST_FINDINGS = 200
_REACH_CHARS = 80
_ROLES = ("system", "user", "assistant", "developer", "tool", "model", "human", "ipython")
_ROLE_TOKENS = ("system", "user", "assistant", "developer", "human", "chatbot", "header")

_PATTERN = re2.compile(
    r"(?im)"
    r"(?P<template><[|｜][a-z0-9_\x{2581}]{1,40}[|｜]>"  # noqa: RUF001 - DeepSeek writes it so
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|gMASK)\]|<</?SYS>>"
    r"|</?(?:start|end)_of_turn>|<(?:extra_id_[01]|sop|eop)>|</s>[ \t]{0,4}<s>)"
    r"|(?P<tool></?(?:tool_(?:response|call|result|output)s?|function_(?:call|result|response|output)s?|antml:[a-z_]{1,20})"
    r"[ \t\n/>])"
    r"|(?P<turn>(?:\A|\n\n)(?:Human|Assistant): "
    r"|^[ \t]{0,3}#{2,4}[ \t]{0,2}(?:System|Instruction|Human|Assistant|User|Response)"
    r"(?: (?:prompt|message|instructions?))?:"
    r"|^[ \t]{0,3}(?:\[|\(|<|\*\*)?(?:System|Developer)"
    r" (?:prompt|message|override|instructions?|update|notice)(?:\]|\)|>|\*\*)?:"
    r"|^[ \t]{0,3}(?:\[|<)(?:system|developer)(?:\]|>)"
    r"|^(?:SYSTEM|System):)"
    r"|(?P<role>\\{0,3}[\"']role\\{0,3}[\"'][ \t\n]{0,4}:[ \t\n]{0,4}\\{0,3}[\"'](?:system|developer)\\{0,3}[\"'])"
)

_HOSTILE_SCORES = {"template": 0.9, "tool": 0.8, "turn": 0.6, "role": 0.6}
_USER_SCORES = {"template": 0.4, "tool": 0.35, "turn": 0.35, "role": 0.3}
_QUOTED_SCORE = 0.25
_WHOLE_TURN_SCORE = 0.75
_SEVERAL_TURNS_SCORE = 0.6
_LONE_SYSTEM_SCORE = 0.4  # "System: Windows 11" stands in every log
_SEVERAL = 2


class Markers:
    """The rule. It has no settings of its own."""

    reach = _REACH_CHARS

    def scan(self, reading: Reading, direction: Direction) -> Sequence[Finding]:  # noqa: ARG002 - the same both ways
        """Every marker, once where several views show it."""
        if reading.leaf.trust is Trust.TRUSTED:
            return ()
        found: dict[tuple[str, int, int], Finding] = {}
        for view in reading.views:
            for kind, start, end, score in _marks(view, reading.leaf.trust):
                place = view.span(start, end)
                found.setdefault(
                    (kind, *place), Finding(f"markers.{kind}", reading.leaf.place, *place, score, view.via)
                )
        return tuple(found.values())


def make(options: Options) -> Markers:
    """The rule of these settings.

    Raises:
        ValueError: it has any.
    """
    if options:
        raise ValueError(f"markers has no setting {options[0][0]!r}; its threshold is the check's")
    return Markers()


def _marks(view: View, trust: Trust) -> list[tuple[str, int, int, float]]:
    text = view.text
    matches = list(islice(_PATTERN.finditer(text), _MOST_FINDINGS))
    if not matches:
        return []
    turns = sum(match.lastgroup == "turn" for match in matches)
    quotes = Quotes(text) if trust is Trust.USER else None
    found: list[tuple[str, int, int, float]] = []
    for match in matches:
        kind, (start, end) = str(match.lastgroup), match.span()
        start += len(match[0]) - len(match[0].lstrip())
        if match[0].startswith("[") and text[start - 1 : start].isalnum():
            continue  # an index
        if quotes is None:
            score = _in_hostile(kind, match[0], turns)
        elif quotes.holds(start, end):
            score = _QUOTED_SCORE
        else:
            score = _of_user(kind, match[0], text[end : end + _REACH_CHARS], turns)
        found.append((kind, start, end, score))
    return found


def _in_hostile(kind: str, mark: str, turns: int) -> float:
    is_lone = kind == "turn" and turns < _SEVERAL and mark.strip().lower() == "system:"
    return _LONE_SYSTEM_SCORE if is_lone else _HOSTILE_SCORES[kind]


def _of_user(kind: str, mark: str, after: str, turns: int) -> float:
    if kind == "template" and _begins_turn(mark, after):
        return _WHOLE_TURN_SCORE
    if kind == "turn" and turns >= _SEVERAL and mark.strip().startswith("#"):
        return _SEVERAL_TURNS_SCORE
    return _USER_SCORES[kind]


def _begins_turn(mark: str, after: str) -> bool:
    """Whether a token stands where a template would put it: before a role, or naming one, with words behind it."""
    names = mark.lower().strip("<|｜>[]/ ")  # noqa: RUF001 - DeepSeek writes it so
    is_closing = "/" in mark or "end" in names
    if is_closing:
        return False
    return bool(after.strip()) and (
        after.lstrip().lower().startswith(_ROLES)
        or any(role in names for role in _ROLE_TOKENS)
        or names in {"inst", "<sys"}
        or names.startswith("<sys")
    )
