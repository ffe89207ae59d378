"""The ``Scanner`` port over Azure AI Content Safety's Prompt Shields: a user's words, and documents beside them.

What the user wrote is a prompt, everything else a document: what is hostile in a tool's result is meant for the model
that reads it. It says yes or no to each, so a finding is a whole piece and its score is 1. It has nothing to say about
what a model writes but whether that attacks a model: a completion is a document too.

Source: Azure AI Content Safety REST reference, "Text Operations - Shield Prompt", API version 2024-09-01, and
"Input requirements" (a prompt of up to 10,000 characters; up to five documents of 10,000 together), read 2026-11.
"""

import json
from collections.abc import Callable, Sequence
from itertools import zip_longest

from extproc.adapters.scanner_http import JsonPoster, Piece, all_of, pieces_of
from extproc.model.guard import Finding, Trust
from extproc.model.guard_scanners import AzureShieldsSettings
from extproc.model.secret import Secret
from extproc.policy.guard_ports import ScanAsked

_PATH = "/contentsafety/text:shieldPrompt?api-version=2024-09-01"
_MOST_CHARACTERS = 10_000
_MOST_DOCUMENTS = 5


class AzureShieldsScanner:
    """Use from one event loop."""

    def __init__(
        self, name: str, settings: AzureShieldsSettings, key: Callable[[], Secret], poster: JsonPoster
    ) -> None:
        """``key`` gives the resource's key as it is now; it may raise Unavailable."""
        self._name = name
        self._settings = settings
        self._url = settings.endpoint.rstrip("/") + _PATH
        self._key = key
        self._poster = poster

    async def scan(self, asked: ScanAsked) -> Sequence[Finding]:
        """See ``Scanner``."""
        pieces = pieces_of(asked.leaves, self._settings.trusts, _MOST_CHARACTERS)
        prompts = [piece for piece in pieces if piece.leaf.trust is Trust.USER]
        documents = _together([piece for piece in pieces if piece.leaf.trust is not Trust.USER])
        questions = zip_longest(prompts, documents, fillvalue=None)
        found = await all_of(self._ask(prompt, beside or [], asked.limit_s) for prompt, beside in questions)
        return tuple(finding for each in found for finding in each)

    async def _ask(self, prompt: Piece | None, documents: list[Piece], limit_s: float) -> list[Finding]:
        question: dict[str, object] = {}
        if prompt is not None:
            question["userPrompt"] = prompt.text
        if documents:
            question["documents"] = [piece.text for piece in documents]
        headers = {"ocp-apim-subscription-key": self._key().reveal(), "content-type": "application/json"}
        answer = await self._poster.post(self._url, headers, json.dumps(question).encode(), limit_s)
        said = answer if isinstance(answer, dict) else {}
        findings = []
        if prompt is not None and self._is_attack(said.get("userPromptAnalysis")):
            findings.append(self._finding("user_attack", prompt))
        judged = said.get("documentsAnalysis") if documents else []
        if not isinstance(judged, list) or len(judged) != len(documents):
            raise self._poster.nonsense()
        for piece, each in zip(documents, judged, strict=True):
            if self._is_attack(each):
                findings.append(self._finding("document_attack", piece))
        return findings

    def _is_attack(self, analysis: object) -> bool:
        match analysis:
            case {"attackDetected": bool(is_attack)}:
                return is_attack
        raise self._poster.nonsense()

    def _finding(self, kind: str, piece: Piece) -> Finding:
        return Finding(f"{self._name}.{kind}", piece.leaf.place, piece.start, piece.end)


def _together(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """As many in a question as it takes."""
    groups: list[list[Piece]] = []
    room = 0
    for piece in pieces:
        # In UTF-16, which is the most that any way of counting gives.
        size = len(piece.text.encode("utf-16-le")) // 2
        if size > room or len(groups[-1]) == _MOST_DOCUMENTS:
            groups.append([])
            room = _MOST_CHARACTERS
        groups[-1].append(piece)
        room -= size
    return groups
