"""What ``make eval-guard`` measures on: the repository's own cases, and any folder of JSON Lines.

A folder's files are known by their columns: ``text`` with ``label`` 1 (an attack) or 0, or without labels, which then
are harmless. Files whose names begin with ``indirect`` are other people's words: their 0s are documents, and their 1s
are instructions that are put into each of them. What has neither is for another evaluation.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from extproc.model.guard import Trust
from extproc.model.guard_policy import Options

OWN = Path(__file__).parents[1] / "tests" / "cases" / "guard"
_BREAKS = re.compile(r"[.!?]\s+|\n+|\s{2,}")


@dataclass(frozen=True, slots=True)
class Case:
    """One text, and whether it is what the scanner looks for."""

    text: str
    is_attack: bool
    trust: Trust = Trust.USER
    part: str = ""
    """Of which kind of its set: a category, a language, where it was put."""
    options: Options = ()
    was_seen: bool = True
    """Whether the rules' author may have read it: of a folder's files, the half whose digest is even, and all of a
    training split."""


@dataclass(frozen=True, slots=True)
class CaseSet:
    """Cases that are reported together."""

    name: str
    scanner: str
    cases: tuple[Case, ...]


def own_sets(directory: Path = OWN) -> list[CaseSet]:
    """The repository's own cases that name their scanner."""
    return [
        CaseSet(f"own {path.stem}", rows[0]["scanner"], tuple(_own(row) for row in rows))
        for path in sorted(directory.glob("*.jsonl"))
        if "scanner" in (rows := _rows(path))[0]
    ]


def _own(row: dict[str, object]) -> Case:
    given = row.get("options", {})
    assert isinstance(given, dict)
    options = tuple(sorted((name, tuple(v) if isinstance(v, list) else v) for name, v in given.items()))
    return Case(str(row["text"]), bool(row["label"]), Trust(str(row["trust"])), str(row.get("kind", "")), options)


def folder_sets(directory: Path) -> list[CaseSet]:
    """What a folder has for the injection scanner, file by file, and its instructions put into its documents."""
    sets: list[CaseSet] = []
    documents: list[str] = []
    planted: list[tuple[str, str]] = []
    for path in sorted(directory.glob("*.jsonl")):
        rows = _rows(path)
        if not rows or "text" not in rows[0] or "spans" in rows[0]:
            continue
        if not path.stem.startswith("indirect"):
            sets.append(CaseSet(path.stem, "injection", tuple(_of_user(row, path.stem) for row in rows)))
            continue
        documents += [str(row["text"]) for row in rows if not row.get("label")]
        planted += [(str(row["text"]), str(row.get("category", ""))) for row in rows if row.get("label")]
    if documents:
        sets.append(CaseSet("documents, as a user's", "injection", tuple(_document(d, Trust.USER) for d in documents)))
        sets.append(CaseSet("documents", "injection", tuple(_document(d, Trust.HOSTILE) for d in documents)))
    if documents and planted:
        sets.append(CaseSet("planted in documents", "injection", tuple(_planted(documents, planted))))
    return sets


def planted_at(document: str, instruction: str, where: str) -> str:
    """The document with the instruction before it, behind it, between two of its sentences, or inside one."""
    if where == "start":
        return f"{instruction}\n{document}"
    if where == "end":
        return f"{document}\n{instruction}"
    middle = len(document) // 2
    if where == "mid-sentence":
        at = document.find(" ", middle)
    else:
        at = min((each.end() for each in _BREAKS.finditer(document)), key=lambda end: abs(end - middle), default=-1)
    at = len(document) if at < 0 else at
    return f"{document[:at]} {instruction} {document[at:].lstrip(' ')}"


def _of_user(row: dict[str, object], name: str) -> Case:
    text = str(row["text"])
    part = str(row.get("category") or row.get("lang") or "")
    return Case(text, bool(row.get("label", 0)), part=part, was_seen="train" in name or _may_be_seen(text))


def _document(text: str, trust: Trust) -> Case:
    return Case(text, is_attack=False, trust=trust, was_seen=_may_be_seen(text))


def _planted(documents: Sequence[str], planted: Sequence[tuple[str, str]]) -> Iterator[Case]:
    for instruction, category in planted:
        for where in ("start", "middle", "mid-sentence", "end"):
            for document in documents:
                text = planted_at(document, instruction, where)
                yield Case(text, is_attack=True, trust=Trust.HOSTILE, part=category, was_seen=_may_be_seen(instruction))


def _may_be_seen(text: str) -> bool:
    return hashlib.sha1(text.encode(), usedforsecurity=False).digest()[0] % 2 == 0


def _rows(path: Path) -> list[dict[str, object]]:
    # No splitlines: it also ends a line at characters that JSON texts may hold.
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
