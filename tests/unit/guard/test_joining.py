"""Several strings in one leaf."""

from extproc.guard.joining import MOST_JOINED, gather, join, split
from extproc.model.guard import Leaf, Part, Trust


def test_joined_strings_follow_each_other_and_gathered_ones_have_lines() -> None:
    items = [(("a",), "one"), (("b",), ""), (("c",), "two")]
    (joined,) = join(("j",), items, Trust.USER)
    assert (joined.text, joined.is_repeat) == ("onetwo", True)
    assert joined.parts == (Part(("a",), 0, 3), Part(("c",), 3, 6))
    (gathered,) = gather(("g",), [items[0], items[2]], Trust.USER)
    assert (gathered.text, gathered.is_repeat) == ("one\ntwo", False)
    assert gathered.parts == (Part(("a",), 0, 3), Part(("c",), 4, 7))


def test_one_string_is_not_joined_and_none_is_not_gathered() -> None:
    assert list(join(("j",), [(("a",), "one"), (("b",), "")], Trust.USER)) == []
    assert list(gather(("g",), [], Trust.USER)) == []


def test_of_long_strings_the_ends_are_joined() -> None:
    long = "".join(chr(97 + index % 26) for index in range(MOST_JOINED))
    (leaf,) = join(("j",), [(("a",), long), (("b",), "short"), (("c",), long)], Trust.USER)
    assert len(leaf.text) < 10_000
    assert f"{long[-9:]}short{long[:9]}" in leaf.text
    for part in leaf.parts:
        whole = "short" if part.place == ("b",) else long
        start = part.place[-1] if len(part.place) > 1 else 0
        assert isinstance(start, int)
        assert whole[start : start + part.end - part.start] == leaf.text[part.start : part.end]
    assert leaf.parts[0].end < leaf.parts[1].start


def test_a_stretch_leads_back_to_its_parts() -> None:
    (leaf,) = gather(("g",), [(("a",), "one"), (("b",), "two"), (("c",), "three")], Trust.USER)
    assert list(split(leaf, 2, 9)) == [(("a",), 2, 3), (("b",), 0, 3), (("c",), 0, 1)]
    assert list(split(leaf, 3, 4)) == []
    assert list(split(Leaf(("x",), "text", Trust.USER), 1, 2)) == [(("x",), 1, 2)]
