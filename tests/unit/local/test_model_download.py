import hashlib
from pathlib import Path

import pytest

from extproc.local import model_download
from extproc.local.problems import CannotStart


def test_the_notice_says_what_how_much_whose_terms_and_how_to_do_without() -> None:
    for word in ("Gemma 3 270M", "245 MB", "https://ai.google.dev/gemma/terms", "--no-model"):
        assert word in model_download.NOTICE


async def test_a_model_that_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    target = model_download.path_in(tmp_path)
    target.parent.mkdir()
    target.write_bytes(b"weights")
    assert await model_download.fetch(tmp_path, lambda _: None) == target


def test_pieces_with_another_digest_are_refused_and_nothing_is_left(tmp_path: Path) -> None:
    piece = tmp_path / "piece"
    piece.write_bytes(b"other weights")
    target = tmp_path / "model.gguf"
    with pytest.raises(CannotStart, match="not the one that was pinned"):
        model_download._assemble((piece, piece), target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["piece"]


def test_the_pins_are_all_hashed_and_are_what_requirements_asks_for() -> None:
    pins = [line for line in model_download._PINS.read_text().splitlines() if "==" in line]
    hashes = [line for line in model_download._PINS.read_text().splitlines() if "--hash=sha256:" in line]
    assert len(pins) == len(model_download._PARTS) + 1
    assert len(hashes) >= len(pins)
    asked = (Path(__file__).parents[3] / "requirements" / "model.in").read_text()
    assert pins[0].removesuffix(" \\") in asked
    assert len(model_download._SHA256) == len(hashlib.sha256().hexdigest())
