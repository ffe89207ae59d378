"""How good the scanners ``pii`` and ``secrets`` are: stretches found, not texts.

    data_lines(folder) → lines for the table of ``make eval-guard``, and parts of them

A stretch counts as found when a finding of its kind overlaps it; a finding that overlaps none of its kind is a false
alarm. Of a folder, files with ``spans`` are read; their types are the kinds in ``_KINDS``, and no others are looked at.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.guard_data import OWN
from bench.guard_figures import Judged, Line, by_part, line
from bench.guard_keys import COUNT, made_up
from extproc.guard.pii import KINDS
from extproc.guard.read import read
from extproc.guard.rule import Rule
from extproc.guard.rules import compile_rule
from extproc.model.guard import Direction, Finding, Leaf, Trust
from extproc.model.guard_policy import RuleSpec

CHECKSUMMED = frozenset({"card", "iban", "in_aadhaar", "uk_nhs", "fr_nir", "es_dni", "it_codice_fiscale", "de_tax_id"})
"""Kinds whose last digits follow from the others; passports are so only in their machine-readable lines."""

_KINDS = {
    "CREDIT_CARD": "card",
    "IBAN_CODE": "iban",
    "US_SSN": "us_ssn",
    "PHONE_NUMBER": "phone",
    "EMAIL_ADDRESS": "email",
    "IP_ADDRESS": "ip",
}
_ESCAPED = '{"'
"""What a text that is JSON begins with: a value in it has its line breaks escaped."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text and the stretches in it: kind, start, end; characters."""

    text: str
    spans: tuple[tuple[str, int, int], ...]


def data_lines(folder: Path | None) -> tuple[list[Line], dict[str, Mapping[str, tuple[int, float]]]]:
    """One line a kind of ``pii`` and set, one for ``secrets`` with its parts."""
    lines = _pii_lines("own ", _own_pii())
    for path in sorted(folder.glob("*.jsonl")) if folder else ():
        if labelled := _of_folder(path):
            lines += _pii_lines(f"{path.stem}: ", labelled)
    judged = [_secret(text, value, kind) for text, value, kind in own_secrets()]
    lines.append(_promised(line("secrets", "own secrets", judged), 0.99, 0.97))
    return lines, {"own secrets": by_part(judged)}


def own_secrets() -> Iterator[tuple[str, str, str]]:
    """The repository's cases: text, the credential in it, its kind; both empty in what only looks like one."""
    for row in _rows(OWN / "secrets.jsonl"):
        for kind in row["values"]:
            for text in row["texts"]:
                for seed in range(COUNT) if kind else (0,):
                    value = made_up(kind, seed) if kind else ""
                    if text.startswith(_ESCAPED):
                        value = json.dumps(value)[1:-1]
                    yield text.replace("{}", value) if kind else text, value, kind or ""


def _own_pii() -> list[Labelled]:
    labelled = []
    for row in _rows(OWN / "pii.jsonl"):
        for text in row["texts"]:
            for value in row.get("values", ("",)):
                whole = text.replace("{}", value) if value else text
                at = whole.index(value)
                spans = [(row["kind"], at, at + len(value))] if value else []
                spans += [
                    (row["kind"], whole.index(a), whole.index(a) + len(a)) for a in row.get("also", ()) if a in whole
                ]
                labelled.append(Labelled(whole, tuple(spans)))
    return labelled


def _of_folder(path: Path) -> list[Labelled]:
    rows = _rows(path)
    if not rows or "spans" not in rows[0]:
        return []
    return [
        Labelled(row["text"], tuple((_KINDS.get(s["type"], ""), s["start"], s["end"]) for s in row["spans"]))
        for row in rows
    ]


def _pii_lines(name: str, labelled: Sequence[Labelled]) -> list[Line]:
    rule = compile_rule(RuleSpec("pii", (("kinds", tuple(sorted(KINDS))),)))
    judged: dict[str, list[Judged]] = {}
    present = {kind for each in labelled for kind, _, _ in each.spans if kind}
    for each in labelled:
        findings, took_us = _scan(rule, each.text)
        for kind in present:
            judged.setdefault(kind, []).extend(_pii_judged(kind, each, findings, took_us))
    lines = [line("pii", f"{name}{kind}", judged[kind]) for kind in sorted(present)]
    return [
        _promised(each, 0.99, 0.97) if kind in CHECKSUMMED else replace(each, target="", is_met=True)
        for kind, each in zip(sorted(present), lines, strict=True)
    ]


def _pii_judged(kind: str, each: Labelled, findings: Sequence[Finding], took_us: float) -> Iterator[Judged]:
    """Each stretch of the kind, found or not; each finding of it that is at no such stretch; or that there is none."""
    mine = [f for f in findings if f.kind == f"pii.{kind}"]
    spans = [(start, end) for name, start, end in each.spans if name == kind]
    for start, end in spans:
        yield Judged(is_attack=True, score=float(any(f.start < end and start < f.end for f in mine)), took_us=took_us)
    wrong = [f for f in mine if not any(f.start < end and start < f.end for start, end in spans)]
    for _ in wrong:
        yield Judged(is_attack=False, score=1.0, took_us=took_us)
    if not spans and not wrong:
        yield Judged(is_attack=False, score=0.0, took_us=took_us)


def _secret(text: str, value: str, kind: str) -> Judged:
    findings, took_us = _scan(compile_rule(RuleSpec("secrets")), text)
    at = text.index(value)
    found = any(f.start < at + len(value) and at < f.end for f in findings) if value else bool(findings)
    return Judged(bool(kind), float(found), took_us, kind)


def _scan(rule: Rule, text: str) -> tuple[Sequence[Finding], float]:
    reading = read(Leaf(("messages", 0, "content"), text, Trust.USER))
    began_ns = time.perf_counter_ns()
    findings = rule.scan(reading, Direction.INPUT)
    return findings, (time.perf_counter_ns() - began_ns) / 1000


def _promised(each: Line, precision: float, recall: float) -> Line:
    is_met = (each.precision or 0) >= precision and (each.recall or 0) >= recall
    return replace(each, target=f"precision {precision * 100:.0f} %, recall {recall * 100:.0f} %", is_met=is_met)


def _rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(row) for row in path.read_text(encoding="utf-8").split("\n") if row.strip()]
