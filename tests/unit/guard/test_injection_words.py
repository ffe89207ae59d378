"""The words that speak to a model about its instructions."""

from extproc.guard.injection_shape import Signs
from extproc.guard.injection_words import WORDS


def test_every_word_is_found_as_it_is_written() -> None:
    signs = Signs(WORDS, ())
    unknown = signs.shape("zzz").letters
    for idea, listed in WORDS.items():
        for entry in listed.split():
            stem, _, endings = entry.partition("{")
            assert entry.count("{") == entry.count("}") == ("{" in entry), entry
            for ending in endings.rstrip("}").split(","):
                assert len(signs.shape(stem + ending).letters) == 1, (idea, stem + ending)
                assert signs.shape(stem + ending).letters != unknown, (idea, stem + ending)


def test_the_same_idea_is_meant_in_several_languages() -> None:
    signs = Signs(WORDS, ())
    letters = {signs.shape(word).letters for word in ("vergiss", "olvida", "oubliez", "忘记", "забудь")}
    assert len(letters) == 1
