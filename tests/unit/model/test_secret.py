"""A secret is not printed by accident."""

import json

import pytest

from extproc.model.secret import Secret


def test_no_way_of_printing_shows_the_value() -> None:
    secret = Secret("hunter2")
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>20}", f"{secret!r}", repr([secret]), "%s" % secret]  # noqa: UP031 - one more way to print
    assert not any("hunter2" in text for text in shown)
    with pytest.raises(TypeError):
        json.dumps(secret)


def test_reveal_gives_it_and_equality_compares_it() -> None:
    assert Secret("hunter2").reveal() == "hunter2"
    assert Secret("a") == Secret("a") != Secret("b")
