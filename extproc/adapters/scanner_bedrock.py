"""The ``Scanner`` port over a guardrail of Amazon Bedrock, applied without a model: ``ApplyGuardrail``.

One text a question, since an assessment does not say which of several it is about. It quotes what it matched, which
says where that is; the quotation goes no further. Of a filter, its confidence becomes a score by the table below; what
a guardrail only observes (``detected`` without an action) is a finding too. What the guardrail would put in a text's
place is not used: the gateway's own policy says what a finding leads to.

Source: Amazon Bedrock API reference, "ApplyGuardrail" and "GuardrailAssessment", and botocore's model of them; quotas:
25 text units of 1,000 characters a question, read 2026-11.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

from extproc.adapters.scanner_http import JsonPoster, Piece, all_of, pieces_of
from extproc.model.guard import Direction, Finding
from extproc.model.guard_scanners import BedrockSettings
from extproc.policy.guard_ports import ScanAsked

Signer = Callable[[str, str, bytes], Mapping[str, str]]
"""Host, path and body → the headers that prove the request; raises Unavailable where there are no keys."""

_MOST_CHARACTERS = 20_000
_MOST_PLACES = 100
"""Of one quotation."""
_SCORES = {"NONE": 0.0, "LOW": 0.4, "MEDIUM": 0.7, "HIGH": 0.95}
_NAME = re.compile(r"[A-Z0-9_]{1,60}")


class BedrockScanner:
    """Use from one event loop."""

    def __init__(self, name: str, settings: BedrockSettings, sign: Signer, poster: JsonPoster) -> None:
        self._name = name
        self._settings = settings
        self._sign = sign
        self._poster = poster
        self._endpoint = (settings.endpoint or f"https://bedrock-runtime.{settings.region}.amazonaws.com").rstrip("/")
        guardrail, version = (quote(each, safe="") for each in (settings.guardrail, settings.version))
        self._path = f"/guardrail/{guardrail}/version/{version}/apply"

    async def scan(self, asked: ScanAsked) -> Sequence[Finding]:
        """See ``Scanner``."""
        pieces = pieces_of(asked.leaves, self._settings.trusts, _MOST_CHARACTERS)
        found = await all_of(self._ask(piece, asked.direction, asked.limit_s) for piece in pieces)
        return tuple(finding for each in found for finding in each)

    async def _ask(self, piece: Piece, direction: Direction, limit_s: float) -> list[Finding]:
        source = "INPUT" if direction is Direction.INPUT else "OUTPUT"
        body = json.dumps({"source": source, "content": [{"text": {"text": piece.text}}]}).encode()
        host = urlsplit(self._endpoint).netloc
        headers = {"content-type": "application/json", **self._sign(host, self._path, body)}
        answer = await self._poster.post(self._endpoint + self._path, headers, body, limit_s)
        match answer:
            case {"action": "NONE" | "GUARDRAIL_INTERVENED" as action, "assessments": list(assessments)}:
                found = [each for assessment in assessments for each in self._read(piece, assessment)]
                if action != "NONE" and not found:
                    found.append(self._finding("intervened", piece, 1.0))
                return found
        raise self._poster.nonsense()

    def _read(self, piece: Piece, assessment: object) -> Iterator[Finding]:
        for each in _detected(assessment, "contentPolicy", "filters"):
            score = _SCORES.get(str(each.get("confidence")), 1.0)
            yield self._finding(_kind(each.get("type"), "content"), piece, score)
        for _ in _detected(assessment, "topicPolicy", "topics"):
            yield self._finding("topic", piece, 1.0)
        for each in _detected(assessment, "contextualGroundingPolicy", "filters"):
            yield self._finding(_kind(each.get("type"), "grounding"), piece, 1.0)
        for policy, group, kind in (
            ("wordPolicy", "customWords", "word"),
            ("wordPolicy", "managedWordLists", "profanity"),
            ("sensitiveInformationPolicy", "regexes", "regex"),
            ("sensitiveInformationPolicy", "piiEntities", "pii"),
        ):
            for each in _detected(assessment, policy, group):
                named = f"pii.{_kind(each.get('type'), 'other')}" if kind == "pii" else kind
                yield from self._places(named, piece, each.get("match"))

    def _places(self, kind: str, piece: Piece, quoted: object) -> Iterator[Finding]:
        """Wherever the quotation stands; the whole piece where it stands nowhere, as when AWS masks it."""
        starts = list(_starts(piece.text, quoted)) if isinstance(quoted, str) and quoted else []
        if not starts:
            yield self._finding(kind, piece, 1.0)
        for start in starts:
            end = start + len(str(quoted))
            yield Finding(f"{self._name}.{kind}", piece.leaf.place, piece.start + start, piece.start + end)

    def _finding(self, kind: str, piece: Piece, score: float) -> Finding:
        return Finding(f"{self._name}.{kind}", piece.leaf.place, piece.start, piece.end, score)


def _starts(text: str, quoted: str) -> Iterator[int]:
    start = text.find(quoted)
    for _ in range(_MOST_PLACES):
        if start < 0:
            return
        yield start
        start = text.find(quoted, start + len(quoted))


def _detected(assessment: object, policy: str, group: str) -> Iterator[dict[str, Any]]:
    match assessment:
        case dict():
            section = assessment.get(policy)
            entries = section.get(group) if isinstance(section, dict) else None
            for each in entries if isinstance(entries, list) else ():
                if isinstance(each, dict) and each.get("detected", each.get("action") != "NONE"):
                    yield each


def _kind(name: object, otherwise: str) -> str:
    return name.lower() if isinstance(name, str) and _NAME.fullmatch(name) else otherwise
