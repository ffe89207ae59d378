import pytest

from extproc.policy.classify_features import features
from extproc.policy.classify_lexicon import LEXICON

ENTRIES = [(name, entry.strip()) for name, listed in LEXICON.items() for entry in listed.split(",")]


def test_no_signal_lists_a_word_twice() -> None:
    assert len(set(ENTRIES)) == len(ENTRIES)


def test_every_listed_word_gives_its_signal() -> None:
    silent = []
    for name, entry in ENTRIES:
        opening = "" if entry.startswith("^") else "x "
        word = entry.removeprefix("^").removesuffix("*")
        seen = features({"messages": [{"role": "user", "content": f"{opening}{word}"}]}).signals
        if name not in seen:
            silent.append((name, entry))
    assert silent == []


def test_a_stem_is_long_enough_to_mean_something() -> None:
    assert [entry for _, entry in ENTRIES if entry.endswith("*") and entry.isascii() and len(entry) < 4] == []


@pytest.mark.parametrize("name", LEXICON)
def test_a_signal_is_named_so_that_it_can_stand_as_a_reason(name: str) -> None:
    assert name.split(maxsplit=1)[0] in {"asks", "speaks", "looks", "uses", "sets", "touches", "is"}
