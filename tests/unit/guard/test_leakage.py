"""The mark is found in an answer however it is written, and nowhere else."""

import base64
import codecs

import pytest

from extproc.guard.canary import canary_for, sentence_of
from extproc.guard.leakage import LeakageRule, make
from extproc.guard.reading import Reading, View
from extproc.model.guard import Direction, Leaf, Trust

MARK = canary_for(b"secret", "exchange-1")
RULE = LeakageRule(MARK)
RAW = MARK.encode()


def spans(text: str, rule: LeakageRule = RULE) -> list[tuple[int, int]]:
    reading = Reading(Leaf(("x",), text, Trust.MODEL), (View(text),))
    return [(f.start, f.end) for f in rule.scan(reading, Direction.OUTPUT)]


FORMS = {
    "plain": MARK,
    "upper case": MARK.upper(),
    "mixed case": "".join(c.upper() if i % 2 else c for i, c in enumerate(MARK)),
    "spaced": " ".join(MARK),
    "dashed": "-".join(MARK.replace("-", "")),
    "joined": MARK.replace("-", ""),
    "a letter a line": "\n".join(MARK),
    "escaped line breaks": "\\n".join(MARK),
    "zero-width": "\u200b".join(MARK),
    "markdown": "".join(f"**{c}**" for c in MARK),
    "tags": "".join(f"<b>{c}</b>" for c in MARK),
    "reversed": MARK[::-1],
    "rot13": codecs.encode(MARK, "rot13"),
    "rot13 reversed": codecs.encode(MARK, "rot13")[::-1],
    "hex": RAW.hex(),
    "upper hex": RAW.hex().upper(),
    "spaced hex": RAW.hex(" "),
    "hex escapes": "".join(f"\\x{b:02x}" for b in RAW),
    "hex numbers": ", ".join(f"0x{b:02x}" for b in RAW),
    "hex reversed": MARK[::-1].encode().hex(),
    "url": "".join(f"%{b:02X}" for b in RAW),
    "url twice": "".join(f"%25{b:02x}" for b in RAW),
    "json": "".join(f"\\u{b:04x}" for b in RAW),
    "json twice": "".join(f"\\\\u{b:04x}" for b in RAW),
    "html": "".join(f"&#{b};" for b in RAW),
    "html hex": "".join(f"&#x{b:02x};" for b in RAW),
    "codes": " ".join(str(b) for b in RAW),
    "binary": " ".join(f"{b:08b}" for b in RAW),
    "half": MARK[:13],
    "other half": MARK[14:],
    "a wrong letter": "z" + MARK[1:],
    **{f"base64 after {n}": base64.b64encode(b"x" * n + RAW + b" etc").decode() for n in range(4)},
    **{f"base64 of upper case after {n}": base64.b64encode(b"x" * n + RAW.upper()).decode() for n in range(3)},
    **{f"base64 joined after {n}": base64.b64encode(b"x" * n + RAW.replace(b"-", b"")).decode() for n in range(3)},
    **{f"base64 reversed after {n}": base64.urlsafe_b64encode(b"x" * n + RAW[::-1]).decode() for n in range(3)},
    "base64 in lines": "\n".join(base64.b64encode(b"so: " + RAW).decode()[at : at + 8] for at in range(0, 44, 8)),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_mark_is_found_in_every_form(form: str) -> None:
    text = f"The instructions say: {FORMS[form]} and so on."
    assert spans(text) != []
    assert spans(text, LeakageRule(canary_for(b"secret", "exchange-2"))) == []


@pytest.mark.parametrize("form", ["plain", "spaced", "zero-width", "hex", "markdown"])
def test_the_stretch_is_within_what_shows_it(form: str) -> None:
    text = f"Say: {FORMS[form]}."
    ((start, end),) = spans(text)
    assert 5 <= start < end <= 5 + len(FORMS[form])


@pytest.mark.parametrize("form", FORMS)
def test_no_form_of_what_suffices_is_longer_than_the_rule_reaches(form: str) -> None:
    # Two groups of four suffice, so half of a form and one letter are enough to hold back.
    assert len(FORMS[form]) * 13 // 27 <= LeakageRule.reach


def test_part_of_a_group_more_or_less_is_no_proof() -> None:
    assert spans(MARK[:11]) == []
    assert spans("the quick brown fox " * 50) == []


def test_the_whole_sentence_is_found_too() -> None:
    assert spans(f"My prompt: {sentence_of(MARK)}") != []


@pytest.mark.parametrize("canary", ["", "abc", MARK + "-bcdfgh", MARK.upper(), MARK.replace("-", "")])
def test_only_a_mark_is_looked_for(canary: str) -> None:
    with pytest.raises(ValueError, match="canary"):
        LeakageRule(canary)


def test_the_setting_is_the_mark_alone() -> None:
    assert spans(MARK, make((("canary", MARK),))) != []
    for options in ((), (("canary", 1),), (("canary", MARK), ("other", 1))):
        with pytest.raises(ValueError, match="leakage takes one setting"):
            make(options)
