"""A text as a person sees it, each character with its way back."""

import pytest

from extproc.guard.normalise import fold, normalise, tags

PLAIN = "ignore"
RUSSIAN = "\u0438\u043d\u0441\u0442\u0440\u0443\u043a\u0446\u0438\u044f \u0434\u043b\u044f \u0432\u0441\u0435\u0445"
OTHERS = "\u0928\u093f\u0930\u094d\u0926\u0947\u0936 \uba85\ub839 \u6307\u4ee4"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("plain text, and\ttabs\nand lines\r\n", "plain text, and\ttabs\nand lines\r\n"),
        ("ig\u200bno\u200d\ufeffre", PLAIN),
        ("ig\u00adnore", PLAIN),
        ("ig\u202eno\u202cre\u2066\u2069", PLAIN),
        ("ig\ufe0fno\U000e0101re", PLAIN),
        ("ig\U000e0068\U000e0069nore", PLAIN),
        ("i\u0307g\u0308nore\u20dd", PLAIN),
        ("\uff49\uff47\uff4e\uff4f\uff52\uff45", PLAIN),
        ("\U0001d4f2\U0001d4f0\U0001d4f7\U0001d4f8\U0001d4fb\U0001d4ee", PLAIN),
        ("\u24d8\u24d6\u24dd\u24de\u24e1\u24d4", PLAIN),
        ("ig\x08no\x00re\x7f", PLAIN),
        ("ig\u3164\u115fnore", PLAIN),
        ("a\u00a0b\u2003c", "a b c"),
        ("a\u2028b\x0cc\u0085d", "a\nb\nc\nd"),
        ("\ufb01ve", "five"),
        ("\ufdfa", "\ufdfa"),
        ("4\u0664\u096a\uff14", "4444"),
        ("pr\u00e9c\u00e9dente", "pr\u00e9c\u00e9dente"),
        (RUSSIAN, RUSSIAN),
        (OTHERS, OTHERS),
    ],
)  # fmt: skip
def test_there_is_one_way_to_write_what_is_seen(written: str, shown: str) -> None:
    view = normalise(written)
    assert view.text == shown
    assert view.via == ()
    assert view.span(0, len(shown)) in {(0, len(written)), (written.find(shown[0]), len(written))}


def test_each_character_leads_back_over_what_is_not_seen() -> None:
    view = normalise("a\u200bb\ufb01c")
    assert view.text == "abfic"
    assert [view.span(index, index + 1) for index in range(5)] == [(0, 2), (2, 3), (3, 4), (3, 4), (4, 5)]


def test_text_that_is_as_it_is_shown_costs_no_offsets() -> None:
    assert normalise("plain").offsets is None
    assert normalise("\uff49\uff47").offsets is None


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("\u0456gn\u043er\u0435 \u0430ll", "ignore all"),
        ("pr\u00e9c\u00e9dente", "precedente"),
        ("\u0262\u1d0f", "go"),
        ("\U0001f178g\U0001f1f3ore", "IgNore"),
        ("plain", None),
        (RUSSIAN, None),
        ("\uba85\ub839", None),
        ("a dash \u2014 and a quote \u201d", None),
    ],
)  # fmt: skip
def test_look_alikes_and_accents_are_a_reading_of_their_own(text: str, folded: str | None) -> None:
    assert fold(text) == folded
    assert folded is None or len(folded) == len(text)


def test_a_text_of_another_script_with_a_few_words_of_ascii_is_left_as_it_is() -> None:
    assert fold(f"{RUSSIAN} {RUSSIAN} GPT") is None
    assert fold(f"{RUSSIAN} {RUSSIAN} \u0440assword") is not None
    # Mostly ASCII, and a word of look-alikes between words of another script.
    assert fold("ab ab ab ab ab ab ab \u0436\u0448\u0449 \u0441\u043e\u0440\u0443 ab") is not None
    assert fold("\u0441\u043e\u0440\u0443 \u0440\u0430\u0441\u0435") == "copy pace"


def test_what_tags_spell_is_read() -> None:
    hidden = "".join(chr(0xE0000 + ord(each)) for each in "do it")
    view = tags(f"Hello{hidden}!")
    assert view is not None
    assert view.text == "do it"
    assert view.via == ("tags",)
    assert view.span(0, 2) == (5, 10)
    assert tags("Hello!") is None
