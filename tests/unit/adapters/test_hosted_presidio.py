"""What Presidio is given and what is made of its answer. That it runs is in tests/scanner."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from extproc.adapters.hosted_presidio import PresidioScanner, open_presidio
from extproc.policy.hosted_ports import Found


@dataclass(frozen=True)
class Result:
    entity_type: str
    start: int
    end: int
    score: float


class Engine:
    """Finds each Anna."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def analyze(self, text: str, language: str, entities: list[str]) -> list[Result]:
        assert (language, entities) == ("en", ["PERSON"])
        self.asked.append(text)
        found, start = [], text.find("Anna")
        while start >= 0:
            found.append(Result("PERSON", start, start + 4, 0.85))
            start = text.find("Anna", start + 1)
        return found


def test_names_are_told_by_text_and_place() -> None:
    scanner = PresidioScanner(Engine(), "en", ("PERSON",))
    assert scanner.scan(["nobody", "🙂 Anna", ""]) == (Found(1, "person", 2, 6, 0.85),)


@pytest.mark.parametrize("before", range(0, 60, 3))
def test_a_long_text_is_read_in_pieces_and_a_name_in_two_of_them_is_one(before: int) -> None:
    engine = Engine()
    scanner = PresidioScanner(engine, "en", ("PERSON",), piece=20, overlap=6)
    text = "." * before + "Anna" + "." * (60 - before)
    assert scanner.scan([text]) == (Found(0, "person", before, before + 4, 0.85),)
    assert all(len(piece) <= 20 for piece in engine.asked)
    assert sum(map(len, engine.asked)) >= len(text)


def test_a_directory_without_a_pipeline_is_refused_before_it_is_taken_for_a_package(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"config\.cfg"):
        open_presidio(tmp_path)
    (tmp_path / "config.cfg").touch()
    with pytest.raises(ImportError, match="presidio"):
        open_presidio(tmp_path)
