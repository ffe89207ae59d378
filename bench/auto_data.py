"""The labelled requests behind ``model: auto``: reads bench/data/auto, and holds it to what docs/auto.md says of it.

Two files of JSON Lines: ``training.jsonl`` and ``heldout.jsonl``. The second was written in another sitting, before
there was a feature, and nothing may be learned from it. ``@{name}`` in a message stands for the text
documents/name.txt: the same document comes with easy and with hard questions, so that its length tells nothing.
Read next: ``auto_model``.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DIRECTORY = Path(__file__).parent / "data" / "auto"
TRAINING = DIRECTORY / "training.jsonl"
HELD_OUT = DIRECTORY / "heldout.jsonl"
_DOCUMENT = re.compile(r"@\{([a-z-]+)\}")


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled request. ``group`` keeps requests about one document in one fold."""

    id: str
    is_premium: bool
    category: str
    language: str
    why: str
    payload: Mapping[str, object]
    group: str


def load(path: Path) -> tuple[Example, ...]:
    """The examples of one file, documents put in."""
    return tuple(_example(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines())


def digest() -> str:
    """Names the training data: changes when a training example or a document that one uses changes."""
    text = TRAINING.read_text(encoding="utf-8")
    names = sorted(set(_DOCUMENT.findall(text)))
    whole = "\0".join([text, *(_document(name) for name in names)])
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


def _document(name: str) -> str:
    return (DIRECTORY / "documents" / f"{name}.txt").read_text(encoding="utf-8").rstrip("\n")


def _example(row: Mapping[str, object]) -> Example:
    written = json.dumps(row["payload"], ensure_ascii=False)
    documents = _DOCUMENT.findall(written)
    payload = json.loads(
        _DOCUMENT.sub(lambda found: json.dumps(_document(found[1]), ensure_ascii=False)[1:-1], written)
    )
    return Example(
        id=str(row["id"]),
        is_premium={"cheap": False, "premium": True}[str(row["tier"])],
        category=str(row["category"]),
        language=str(row["language"]),
        why=str(row["why"]),
        payload=payload,
        group=documents[0] if documents else str(row["id"]),
    )
