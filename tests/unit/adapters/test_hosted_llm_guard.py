"""What LLM Guard is given and what is made of its answer. That it runs is in tests/scanner."""

import json
from pathlib import Path

import pytest

from extproc.adapters.hosted_llm_guard import SCANNERS, LlmGuardScanner, open_llm_guard, score_of
from extproc.adapters.hosted_windows import TextWindows
from extproc.policy.hosted_ports import Found
from tests.tiny_classifier import write_classifier


def risk_of(score: float, threshold: float) -> float:
    """As LLM Guard has it."""
    room = 1 - threshold if score > threshold else threshold
    return min(max(round((score - threshold) / room, 1), -1), 1)


@pytest.mark.parametrize("threshold", [0.5, 0.9, 0.92])
def test_a_risk_becomes_the_score_it_was_made_of(threshold: float) -> None:
    for percent in range(101):
        score = percent / 100
        room = 1 - threshold if score > threshold else threshold
        assert score_of(risk_of(score, threshold), threshold) == pytest.approx(score, abs=room * 0.05 + 1e-9)


def test_each_piece_of_a_text_is_asked_about_and_told_where_it_is(tmp_path: Path) -> None:
    windows = TextWindows(write_classifier(tmp_path, {"a": (1.0,)}, ("X",)), 40, 8)
    asked: list[str] = []

    def ask(text: str) -> tuple[str, bool, float]:
        asked.append(text)
        return text, "attack" not in text, 1.0 if "attack" in text else -1.0

    scanner = LlmGuardScanner("injection", 0.5, windows, ask)
    text = "a " * 60 + "attack " + "a " * 60
    found = scanner.scan(["", "  ", "harmless", text])
    assert {each.text for each in found} == {3}
    assert all("attack" in text[each.start : each.end] for each in found)
    assert found[0] == Found(3, "injection", found[0].start, found[0].end, 1.0)
    assert "" not in asked
    assert "  " not in asked
    assert all(len(each.split()) <= 24 for each in asked)


@pytest.mark.parametrize("scanner", SCANNERS)
def test_a_model_without_the_labels_that_a_scanner_looks_for_is_refused(tmp_path: Path, scanner: str) -> None:
    with pytest.raises(ValueError, match="names no labels"):
        open_llm_guard(scanner, tmp_path)
    for labels in ({"0": "LABEL_0", "1": "LABEL_1"}, {}):
        (tmp_path / "config.json").write_text(json.dumps({"id2label": labels}))
        with pytest.raises(ValueError, match="needs a label like"):
            open_llm_guard(scanner, tmp_path)


def test_outside_of_its_environment_it_says_what_is_missing(tmp_path: Path) -> None:
    write_classifier(tmp_path, {"a": (1.0,)}, ("INJECTION",))
    with pytest.raises(ImportError, match="llm_guard"):
        open_llm_guard("PromptInjection", tmp_path)
