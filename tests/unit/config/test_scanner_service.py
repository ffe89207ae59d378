from pathlib import Path

import pytest

from extproc.config.scanner_service import (
    LlmGuardSection,
    PresidioSection,
    ScannerFileInvalid,
    load_scanner_service,
)

WHOLE = """
scanners:
  injection: {kind: llm_guard, scanner: PromptInjection, directory: models/injection, threshold: 0.9}
  names: {kind: presidio, directory: models/en, entities: [PERSON, LOCATION]}
threads: 4
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "scanner.yaml"
    path.write_text(text)
    return path


def test_the_file_says_what_is_hosted(tmp_path: Path) -> None:
    section = load_scanner_service(write(tmp_path, WHOLE))
    assert section.scanners["injection"] == LlmGuardSection(
        kind="llm_guard", scanner="PromptInjection", directory="models/injection", threshold=0.9
    )
    assert isinstance(section.scanners["names"], PresidioSection)
    assert (section.threads, section.stuck_s) == (4, 60.0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the file"),
        ("scanners: {}", "scanners"),
        ("scanners: {a: {kind: other, directory: x}}", "scanners.a"),
        ("scanners: {a: {kind: presidio}}", "directory"),
        ("scanners: {A b: {kind: presidio, directory: x}}", "scanners"),
        ("scanners: {a: {kind: presidio, directory: x, model: y}}", "model"),
        ("scanners: {a: {kind: llm_guard, scanner: Anonymize, directory: x}}", "scanner"),
        ("scanners: {a: {kind: presidio, directory: x}}\nthreads: '2'", "threads"),
        ("scanners: {a: {kind: presidio, directory: x}}\nscanners: {}", "scanners"),
        (WHOLE + "more: 1", "more"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ScannerFileInvalid, match=told):
        load_scanner_service(write(tmp_path, text))


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ScannerFileInvalid, match="FileNotFound"):
        load_scanner_service(tmp_path / "missing.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(ScannerFileInvalid, match="Unicode"):
        load_scanner_service(tmp_path / "binary.yaml")
