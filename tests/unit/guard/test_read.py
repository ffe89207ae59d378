"""A leaf is read as it stands."""

from extproc.guard.read import read
from extproc.model.guard import Leaf, Trust


def test_the_first_view_is_the_text() -> None:
    leaf = Leaf(("input",), "hello", Trust.USER)
    assert read(leaf).views[0].text == "hello"
