"""Words of the APIs are short, plain, and no sentence."""

from extproc.guard.api_words import API_WORDS


def test_no_word_could_say_anything() -> None:
    assert {"role", "content", "function", "properties", "user"} <= API_WORDS
    assert [word for word in API_WORDS if len(word) > 40 or not word.isascii() or " " in word] == []
