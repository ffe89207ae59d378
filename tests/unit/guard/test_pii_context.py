"""Words count shortly before a number and right after it, nowhere else."""

from extproc.guard.pii_context import WINDOW, has_word

WORDS = (b"card",)


def test_a_word_counts_within_its_window_only() -> None:
    near = b"card" + b" " * (WINDOW - 4) + b"1234"
    assert has_word(near, WINDOW, WINDOW + 4, WORDS)
    far = b"card" + b" " * WINDOW + b"1234"
    assert not has_word(far, WINDOW + 4, WINDOW + 8, WORDS)


def test_a_word_counts_right_after() -> None:
    assert has_word(b"1234 is my card", 0, 4, WORDS)
    assert not has_word(b"1234" + b" " * WINDOW + b"card", 0, 4, WORDS)
