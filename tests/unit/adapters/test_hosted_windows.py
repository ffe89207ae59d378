from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.adapters.hosted_windows import TextWindows
from tests.tiny_classifier import write_classifier


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> TextWindows:
    return TextWindows(write_classifier(tmp_path_factory.mktemp("model"), {"a": (1.0,)}, ("X",)), 40, 8)


@given(text=st.text(alphabet="ab \n🙂é", max_size=400))
def test_the_pieces_together_are_the_whole_text(windows: TextWindows, text: str) -> None:
    pieces = windows.cut(text)
    read = bytearray(len(text))
    for start, end in pieces:
        read[start:end] = b"\1" * (end - start)
        assert len(text[start:end].split()) <= 40 - 16
    # Blanks between two pieces have no token of their own.
    assert not any(seen == 0 and not char.isspace() for seen, char in zip(read, text, strict=True))
    assert bool(pieces) == bool(text)
    assert not pieces or (pieces[0][0], pieces[-1][1]) == (0, len(text))


def test_two_pieces_share_so_many_tokens(windows: TextWindows) -> None:
    text = "a " * 100
    first, second = windows.cut(text)[:2]
    assert len(text[second[0] : first[1]].split()) == 8


def test_what_cannot_be_cut_by_tokens_is_told_at_the_start(windows: TextWindows, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"tokenizer\.json is missing"):
        TextWindows(tmp_path, 512, 64)
    with pytest.raises(ValueError, match="too small"):
        TextWindows(tmp_path, 48, 20)
