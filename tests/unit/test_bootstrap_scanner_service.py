from pathlib import Path

import pytest

from extproc.bootstrap_scanner_service import ScannerFileInvalid, _at, host
from extproc.config.scanner_service import ScannerServiceSection
from tests.tiny_classifier import write_classifier


def section(**scanners: object) -> ScannerServiceSection:
    return ScannerServiceSection.model_validate({"scanners": scanners})


def test_a_directory_that_holds_nothing_is_told_by_the_scanners_name(tmp_path: Path) -> None:
    for given in (
        {"kind": "llm_guard", "scanner": "Toxicity", "directory": "models"},
        {"kind": "presidio", "directory": "models"},
    ):
        with pytest.raises(ScannerFileInvalid, match=r"^scanners\.mine: .*models"):
            host(section(mine=given), tmp_path)


def test_directories_begin_where_the_file_is(tmp_path: Path) -> None:
    write_classifier(tmp_path / "models", {"a": (1.0,)}, ("toxicity",))
    given = {"kind": "llm_guard", "scanner": "Toxicity", "directory": "models"}
    with pytest.raises(ImportError, match="llm_guard"):  # found, and this is not its environment
        host(section(mine=given), tmp_path)


@pytest.mark.parametrize(
    ("address", "told"), [("127.0.0.1:0", "127.0.0.1:4711"), ("[::1]:0", "[::1]:4711"), ("unix:/run/s", "unix:/run/s")]
)
def test_the_address_that_is_told_is_the_one_that_serves(address: str, told: str) -> None:
    assert _at(address, 4711) == told
