"""The ``Scanner`` port over Lakera Guard: ``POST /v2/guard``, one question for each piece of a text.

One message a question: with several, Lakera screens the last of them and takes the others for its history. What it
can point at (``payload``: personal data, profanity, custom patterns) is told where it is; what it cannot
(``breakdown``), by the piece. Where it gives a confidence, that becomes a score by the table below; everything else it
detected has 1.

Source: Lakera's API reference, "Screen content for threats" (request and response, ``payload``, ``breakdown``,
``message_id``) and "Guard results" for the levels of confidence, read 2026-11. It names no greatest length: pieces of
10,000 characters are ours.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from extproc.adapters.scanner_http import JsonPoster, Piece, all_of, pieces_of
from extproc.model.guard import Finding, Trust
from extproc.model.guard_scanners import LakeraSettings
from extproc.model.secret import Secret
from extproc.policy.guard_ports import ScanAsked

_MOST_CHARACTERS = 10_000
_ROLES = {Trust.MODEL: "assistant", Trust.TRUSTED: "system"}
_SCORES = {"l1_confident": 0.99, "l2_very_likely": 0.9, "l3_likely": 0.75, "l4_less_likely": 0.5, "l5_unlikely": 0.1}
_DETECTOR = re.compile(r"[a-z0-9_\-]+(/[a-z0-9_\-]+)*")
_UNNAMED = "flagged"


class LakeraScanner:
    """Use from one event loop."""

    def __init__(self, name: str, settings: LakeraSettings, key: Callable[[], Secret], poster: JsonPoster) -> None:
        """``key`` gives the API key as it is now; it may raise Unavailable."""
        self._name = name
        self._settings = settings
        self._key = key
        self._poster = poster

    async def scan(self, asked: ScanAsked) -> Sequence[Finding]:
        """See ``Scanner``."""
        pieces = pieces_of(asked.leaves, self._settings.trusts, _MOST_CHARACTERS)
        found = await all_of(self._ask(piece, asked.limit_s) for piece in pieces)
        return tuple(finding for each in found for finding in each)

    async def _ask(self, piece: Piece, limit_s: float) -> list[Finding]:
        message = {"role": _ROLES.get(piece.leaf.trust, "user"), "content": piece.text}
        question: dict[str, Any] = {"messages": [message], "breakdown": True, "payload": True}
        if self._settings.project is not None:
            question["project_id"] = self._settings.project
        headers = {"authorization": f"Bearer {self._key().reveal()}", "content-type": "application/json"}
        answer = await self._poster.post(self._settings.url, headers, json.dumps(question).encode(), limit_s)
        if not isinstance(answer, dict) or not isinstance(answer.get("flagged"), bool):
            raise self._poster.nonsense()
        return self._read(piece, answer)

    def _read(self, piece: Piece, answer: dict[str, Any]) -> list[Finding]:
        findings = []
        shown = set()
        for each in _list(answer.get("payload")):
            match each:
                case {"start": int(start), "end": int(end), "detector_type": str(detector)} if (
                    0 <= start < end <= len(piece.text)
                ):
                    shown.add(detector)
                    kind = self._kind(detector)
                    findings.append(Finding(kind, piece.leaf.place, piece.start + start, piece.start + end))
        for each in _list(answer.get("breakdown")):
            match each:
                case {"detector_type": str(detector), "detected": True} if detector not in shown:
                    score = _SCORES.get(str(each.get("result")), 1.0)
                    findings.append(Finding(self._kind(detector), piece.leaf.place, piece.start, piece.end, score))
        if answer["flagged"] and not findings:
            findings.append(Finding(self._kind(_UNNAMED), piece.leaf.place, piece.start, piece.end))
        return findings

    def _kind(self, detector: str) -> str:
        name = detector if _DETECTOR.fullmatch(detector) else _UNNAMED
        return f"{self._name}.{name.replace('/', '.').replace('-', '_')}"


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
