"""Look-alikes are letters of other scripts, each with the one ASCII letter that it looks like."""

import unicodedata

from extproc.guard.confusables import LOOKALIKES


def test_each_stands_for_one_letter_of_ascii_and_is_none() -> None:
    assert len(LOOKALIKES) > 400
    for code, letter in LOOKALIKES.items():
        assert code > 0x7F
        assert letter.isascii()
        assert letter.isalpha()
        assert len(letter) == 1


def test_normalising_alone_would_not_find_it() -> None:
    assert [hex(code) for code in LOOKALIKES if unicodedata.normalize("NFKC", chr(code)).isascii()] == []


def test_the_usual_ones_are_there() -> None:
    cyrillic = "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0455\u0458\u0406"
    assert "".join(LOOKALIKES[ord(each)] for each in cyrillic) == "aeopcyxisjI"
    assert LOOKALIKES[0x1F150] == "A"
    assert LOOKALIKES[0x1F1FF] == "Z"
