from pathlib import Path

import pytest
from click.testing import CliRunner

from extproc.cli.scanner import command
from tests.tiny_classifier import write_classifier


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(command, ["serve", *arguments])
    return result.exit_code, result.output


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_classifier(tmp_path / "model", {"a": (1.0,)}, ("INJECTION",))
    path = tmp_path / "scanner.yaml"
    path.write_text("scanners: {it: {kind: llm_guard, scanner: PromptInjection, directory: model}}")
    return path


def test_outside_of_its_environment_it_says_how_to_have_it(file: Path) -> None:
    code, output = run("--config", str(file))
    assert code == 1
    assert "llm_guard is missing; install the service with make scanner" in output


def test_a_file_that_cannot_be_used_is_told(file: Path) -> None:
    file.write_text("scanners: {}")
    code, output = run("--config", str(file))
    assert code == 1
    assert "scanners" in output


def test_a_certificate_needs_its_key(file: Path) -> None:
    code, output = run("--config", str(file), "--tls-key", str(file))
    assert code == 2
    assert "go together" in output
