"""Characters by their codes, in all notations at once."""

import pytest

from extproc.guard.reading import View
from extproc.guard.unescaping import find_escapes
from extproc.guard.weaving import weave


@pytest.mark.parametrize(
    ("written", "meant", "kinds"),
    [
        ("%69%67nore%20all", "ignore all", ("url",)),
        ("caf%C3%A9", "caf\u00e9", ("url",)),
        ("%E9t%E9", "\u00e9t\u00e9", ("url",)),
        (r"\u0069\u0067nore", "ignore", ("json",)),
        (r"\ud83d\ude00!", "\U0001f600!", ("json",)),
        (r"\x69\x67nore\n\"\/\\", 'ignore\n"/\\', ("json",)),
        (r"\U00000069g \u{6e}ore", "ig nore", ("json",)),
        ("&#105;&#x67;nore&nbsp;&lt;b&gt;", "ignore\u00a0<b>", ("entity",)),
        ("AT&T &unknown; 5 & 6", "AT&T &unknown; 5 & 6", ()),
        ("100% sure, 5%", "100% sure, 5%", ()),
        (r"%69 \u0067 &#110;", "i g n", ("url", "json", "entity")),
        (r"\U00110000 \ud800", "\\U00110000 \ufffd", ("json",)),
    ],
)
def test_codes_are_read(written: str, meant: str, kinds: tuple[str, ...]) -> None:
    swaps, found = find_escapes(written)
    assert weave(View(written), swaps, ()).text == meant
    assert found == kinds


def test_of_a_character_that_is_two_escapes_both_are_named() -> None:
    written = r"\ud83d\ude00\u0041"
    view = weave(View(written), find_escapes(written)[0], ())
    assert view.text == "\U0001f600A"
    assert view.span(1, 2)[1] == len(written)
    assert view.span(0, 1)[0] == 0
    assert view.span(0, 1)[1] >= 12


def test_each_character_leads_to_its_own_code() -> None:
    written = r"%69%67\u006e\x6f&#114;%C3%A9"
    view = weave(View(written), find_escapes(written)[0], ())
    assert view.text == "ignor\u00e9"
    spans = [view.span(index, index + 1) for index in range(6)]
    assert [written[start:end] for start, end in spans] == ["%69", "%67", r"\u006e", r"\x6f", "&#114;", "%C3%A9"]
