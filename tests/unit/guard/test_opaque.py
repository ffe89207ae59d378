"""What nobody could read is told apart from what is clean."""

import base64
import os

import pytest

from extproc.guard.opaque import make
from extproc.guard.read import read
from extproc.model.guard import Direction, Leaf, Trust


def found(text: str) -> list[str]:
    return [each.kind for each in make(()).scan(read(Leaf(("input",), text, Trust.USER)), Direction.INPUT)]


def test_prose_and_what_can_be_decoded_is_not_opaque() -> None:
    assert found("hello there") == []
    assert found(base64.b64encode(b"these are the words that it says, all of them").decode()) == []


def test_what_stays_encoded_is() -> None:
    assert found("look: " + base64.b64encode(os.urandom(3000)).decode()) == ["opaque.encoded"]


def test_it_takes_no_options() -> None:
    with pytest.raises(ValueError, match="no options"):
        make((("a", 1),))
