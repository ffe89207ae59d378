"""The words that stand in documents and mean something to a model."""

from extproc.guard.injection_context import CONTEXT_SIGNS
from extproc.guard.injection_context_words import CONTEXT_WORDS
from extproc.guard.injection_shape import Signs


def test_every_idea_is_meant_by_each_of_its_words() -> None:
    signs = Signs(CONTEXT_WORDS, ())
    unknown = signs.shape("zzz").letters
    for idea, listed in CONTEXT_WORDS.items():
        assert listed.split(), idea
        for entry in listed.split():
            assert signs.shape(entry.partition("{")[0]).letters != unknown or "{" in entry, (idea, entry)


def test_every_idea_is_used() -> None:
    patterns = " ".join(sign.pattern for sign in CONTEXT_SIGNS).replace("|", " ").replace("!", " ").split()
    assert set(CONTEXT_WORDS) - set(patterns) == set()
