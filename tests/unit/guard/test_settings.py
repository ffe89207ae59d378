"""A scanner's settings are taken as they are meant, or refused by name."""

import pytest

from extproc.guard.settings import Settings


def test_takes_lists_flags_and_texts_and_what_is_said_where_nothing_is() -> None:
    settings = Settings("s", (("a", ("x", "y")), ("b", "z"), ("c", False), ("d", "name")))
    assert settings.words("a") == ("x", "y")
    assert settings.words("b") == ("z",)
    assert settings.words("other") == ()
    assert settings.flag("c", otherwise=True) is False
    assert settings.flag("other", otherwise=True) is True
    assert settings.text("d", "n") == "name"
    assert settings.text("other", "n") == "n"
    settings.end(("a", "b", "c", "d"))


def test_refuses_what_is_of_another_type_or_unknown() -> None:
    wrong = Settings("s", (("a", 3), ("b", ("",)), ("c", "yes"), ("d", ""), ("e", 1)))
    for name in ("a", "b"):
        with pytest.raises(ValueError, match=f"s: {name} has to be a list"):
            wrong.words(name)
    with pytest.raises(ValueError, match="c has to be true or false"):
        wrong.flag("c", otherwise=True)
    with pytest.raises(ValueError, match="d has to be a text"):
        wrong.text("d", "n")
    with pytest.raises(ValueError, match="s has no setting 'e'; it has a, b"):
        wrong.end(("a", "b"))
