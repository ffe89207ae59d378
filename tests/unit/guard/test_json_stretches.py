"""What is replaced within a JSON text lies in its strings and numbers, never across them."""

import json

import pytest

from extproc.guard.json_stretches import clip, scalars

TEXT = '{"a": "x\\ny", "n": -12.5e3, "t": true, "o": ["\\ud83d\\ude00z"]}'


def pieces(start: int, end: int) -> list[str]:
    return [TEXT[p.start : p.end] for p in clip(TEXT, list(scalars(TEXT)), start, end)]


def test_every_string_and_bare_word_is_listed() -> None:
    assert [TEXT[s.start : s.end] for s in scalars(TEXT)] == [
        *("a", "x\\ny", "n", "-12.5e3", "t", "true", "o", "\\ud83d\\ude00z")
    ]


def test_a_stretch_over_everything_becomes_its_scalars() -> None:
    assert pieces(0, len(TEXT)) == ["a", "x\\ny", "n", "-12.5e3", "t", "true", "o", "\\ud83d\\ude00z"]


def test_no_escape_is_cut_in_two() -> None:
    at = TEXT.index("\\n")
    assert pieces(at + 1, at + 2) == ["\\n"]
    emoji = TEXT.index("\\ud83d")
    assert pieces(emoji + 8, emoji + 9) == ["\\ud83d\\ude00"]


def test_a_bare_number_is_taken_whole() -> None:
    at = TEXT.index("12.5")
    assert pieces(at, at + 1) == ["-12.5e3"]


def test_between_scalars_there_is_nothing() -> None:
    assert pieces(0, 1) == []


@pytest.mark.parametrize("cut", range(len(TEXT) + 1))
def test_a_document_that_stops_anywhere_can_be_read(cut: int) -> None:
    assert json.loads(TEXT)["n"] == -12500
    listed = list(scalars(TEXT[:cut]))
    assert all(0 <= s.start <= s.end <= cut for s in listed)
