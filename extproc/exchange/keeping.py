"""What of an answer is worth remembering: one whole text, said to its end and nothing beside it.

Errors, refusals, cut answers, calls of tools, several choices, logprobs and whatever this version has never heard of
are not: of those there is nothing. What is kept is the canonical plain answer, whether it came plain or streamed,
without the exchange's own id and time.
"""

import re
from collections.abc import Mapping
from typing import Any

from extproc.dialects.dialect import Answer, Aside, Chunk, Done, StreamItem
from extproc.dialects.provider_json import write_json

MOST_CHARS = 256 * 1024
"""Longer answers are not remembered."""
_TOP = frozenset({"id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier"})
_CHOICE = frozenset({"index", "message", "delta", "finish_reason", "logprobs", "stop_reason"})
_TEXTS = ("content", "reasoning_content", "reasoning")
_REFUSES = re.compile(
    r"\W*(?:i['\u2019]?m sorry|i am sorry|sorry|i apologi[sz]e|unfortunately)?\W*(?:but )?"
    r"(?:i|we)(?: (?:can['\u2019]?t|cannot|can not|won['\u2019]?t|will not)|(?: am|['\u2019]?m) (?:unable|not able))\b",
    re.IGNORECASE,
)
"""How models begin who refuse in plain words."""
_BEGINNING = 200


class Keeper:
    """Hears one attempt's answer, as its provider said it."""

    __slots__ = ("_finish", "_is_done", "_is_unfit", "_length", "_model", "_texts", "_usage")

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {}
        self._length = 0
        self._finish: object = None
        self._usage: object = None
        self._model = ""
        self._is_done = False
        self._is_unfit = False

    @property
    def answer(self) -> bytes | None:
        """The canonical plain answer; None: there is nothing to be remembered."""
        texts = {name: "".join(pieces) for name, pieces in self._texts.items()}
        content = texts.get("content", "")
        if self._is_unfit or not self._is_done or self._finish != "stop" or not content.strip():
            return None
        if _REFUSES.match(content[:_BEGINNING]):
            return None
        message = {"role": "assistant", **{name: text for name, text in texts.items() if text}}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {} if self._usage is None else {"usage": self._usage}
        return write_json(
            {"id": "", "object": "chat.completion", "created": 0, "model": self._model, "choices": [choice], **usage}
        )

    def whole(self, answer: Answer) -> None:
        """Hear a plain answer."""
        if answer.value is None or answer.extension is not None:
            self._is_unfit = True
            return
        self._take(answer.value, "message")
        self._is_done = True

    def hear(self, item: StreamItem) -> None:
        """Hear an item of a stream."""
        match item:
            case Chunk(value):
                self._take(value, "delta")
            case Aside():
                self._is_unfit = True
            case Done():
                self._is_done = True
            case _:
                pass

    def _take(self, value: Mapping[str, Any], part: str) -> None:
        if not value.keys() <= _TOP:
            self._is_unfit = True
            return
        if isinstance(value.get("model"), str):
            self._model = value["model"]
        if value.get("usage") is not None:
            self._usage = value["usage"]
        for choice in value.get("choices") or ():
            self._take_choice(choice, part)

    def _take_choice(self, choice: Mapping[str, Any], part: str) -> None:
        if choice.get("index", 0) != 0 or choice.get("logprobs") is not None or not choice.keys() <= _CHOICE:
            self._is_unfit = True
            return
        if choice.get("finish_reason") is not None:
            self._finish = choice["finish_reason"]
        for name, said in (choice.get(part) or {}).items():
            if name in _TEXTS and isinstance(said, str):
                self._texts.setdefault(name, []).append(said)
                self._length += len(said)
            elif said and name != "role":
                self._is_unfit = True
        if self._length > MOST_CHARS:
            self._is_unfit = True
            self._texts.clear()
