"""Presidio's recognition of names by a spaCy model from a local directory, for a scanner service.

Only what a model recognises: numbers with checksums are the gateway's own rules, which are exact. Needs
``requirements/scanner.txt``. Source: presidio-analyzer 2.2.358, ``AnalyzerEngine`` and ``SpacyNlpEngine``.
"""

import dataclasses
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from extproc.policy.hosted_ports import Found

_PIECE = 100_000
_OVERLAP = 1_000
"""Characters; spaCy takes no more than a million at once, and memory grows with what it is given."""


@dataclasses.dataclass(frozen=True, slots=True)
class PresidioScanner:
    """See ``HostedScanner``; ``open_presidio`` makes one."""

    engine: Any
    language: str
    entities: tuple[str, ...]
    piece: int = _PIECE
    overlap: int = _OVERLAP

    def scan(self, texts: Sequence[str]) -> Sequence[Found]:
        """Names in each text, each once."""
        found: dict[tuple[int, str, int, int], Found] = {}
        for number, text in enumerate(texts):
            for offset in range(0, max(1, len(text) - self.overlap), self.piece - self.overlap):
                piece = text[offset : offset + self.piece]
                for each in self.engine.analyze(piece, language=self.language, entities=list(self.entities)):
                    kind = each.entity_type.lower()
                    start, end = offset + each.start, offset + each.end
                    found[number, kind, start, end] = Found(number, kind, start, end, float(each.score))
        return tuple(found.values())


def open_presidio(directory: Path, *, language: str = "en", entities: Sequence[str] = ("PERSON",)) -> PresidioScanner:
    """A recogniser, loaded. Nothing is downloaded.

    Args:
        directory: a spaCy pipeline with ``ner``, as ``nlp.to_disk`` leaves it.
        language: the pipeline's, such as ``en``.
        entities: Presidio's names of what to look for: PERSON, LOCATION, NRP, DATE_TIME.

    Raises:
        ValueError: the directory holds none, or it does not know one of the entities.
        ImportError: this is not the scanner service's environment.
    """
    if not (directory / "config.cfg").is_file():
        # Presidio would take the name for a package, and download that.
        raise ValueError(f"{directory} holds no spaCy pipeline: config.cfg is missing")
    analyzer = import_module("presidio_analyzer")
    recognizers = import_module("presidio_analyzer.predefined_recognizers")
    nlp = import_module("presidio_analyzer.nlp_engine")
    known = recognizers.SpacyRecognizer(supported_language=language)
    unknown = [entity for entity in entities if entity not in known.supported_entities]
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: known are {', '.join(sorted(known.supported_entities))}")
    registry = analyzer.RecognizerRegistry(supported_languages=[language])
    registry.add_recognizer(known)
    models = [{"lang_code": language, "model_name": str(directory)}]
    engine = analyzer.AnalyzerEngine(
        registry=registry, nlp_engine=nlp.SpacyNlpEngine(models=models), supported_languages=[language]
    )
    return PresidioScanner(engine, language, tuple(entities))
