import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.guard.tail import MOST_HELD, held_from

PROSE = "The quick brown fox jumps over the lazy dog and runs away. "


def test_of_prose_as_much_is_held_as_a_rule_reaches_over_and_the_word_that_lies_there() -> None:
    held = held_from(PROSE * 9, 50)
    assert 50 <= len(PROSE * 9) - held <= 50 + 8 + len("jumps")


def test_nothing_is_held_where_no_rule_looks() -> None:
    assert held_from(PROSE, 0) == len(PROSE)


def test_all_of_a_short_text_is_held() -> None:
    assert held_from("short", 50) == 0


@pytest.mark.parametrize(
    "encoded",
    [
        base64.b64encode(b"a canary that is hidden in here, and goes on for a while longer").decode(),
        b"a canary that is hidden in here".hex(),
        b"a canary that is hidden in here".hex(" "),
        base64.encodebytes(b"a canary that is hidden in here, " * 6).decode().strip(),
        "".join(f"%{byte:02x}" for byte in b"a canary that is hidden in here"),
        "".join(f"\\u{byte:04x}" for byte in b"a canary that is hidden in here"),
        "".join(f"&#{byte};" for byte in b"a canary that is hidden in here"),
        " ".join(f"0x{byte:02x}" for byte in b"a canary that is hidden in here"),
    ],
    ids=["base64", "hex", "spaced hex", "lines of base64", "percent", "escapes", "entities", "0x"],
)
def test_an_encoded_run_is_held_from_its_beginning(encoded: str) -> None:
    for size in range(len(encoded) // 2, len(encoded)):
        assert held_from(PROSE + encoded[:size], 10) <= len(PROSE)


@pytest.mark.parametrize(
    "begun", ["https://evil.example/?q=a.b&c=(d)!,", "postgres://root:p$w@host/", "eyJhbGciOi.eyJzdWIi."]
)
def test_an_address_is_held_from_its_beginning(begun: str) -> None:
    assert held_from(PROSE + begun + "xyz-" * 30, 10) <= len(PROSE)


def test_text_in_a_script_without_blanks_is_not_held_for_that() -> None:
    text = PROSE + "注意: note:" + "你好世界" * 200
    assert len(text) - held_from(text, 50) <= 50 + 8


def test_a_run_without_end_is_not_held_for_ever() -> None:
    text = PROSE + "A" * 3 * MOST_HELD
    assert len(text) - held_from(text, 50) == MOST_HELD


def test_a_rule_that_reaches_further_than_any_run_has_what_it_needs() -> None:
    text = PROSE * 900
    assert len(text) - held_from(text, 3 * MOST_HELD) >= 3 * MOST_HELD


@pytest.mark.parametrize("hidden", ["\u200b", "\u00ad", "\U000e0041", "\u0301", "<b></b>", "<!-- nothing -->"])
def test_what_nobody_sees_counts_for_nothing(hidden: str) -> None:
    text = PROSE + hidden.join("canary and more")
    assert held_from(text, 15) <= len(PROSE)


def test_letters_set_apart_count_without_what_is_between() -> None:
    assert held_from(PROSE + " ".join("canaryandmore"), 13) <= len(PROSE)


@given(st.text(max_size=300), st.integers(0, 60))
def test_what_is_held_is_never_less_than_the_reach(text: str, reach: int) -> None:
    held = held_from(text, reach)
    assert 0 <= held <= max(0, len(text) - reach)
