"""An attack is found however its letters are dressed: of English ones at most a twentieth is lost to any disguise."""

import base64
import codecs
import gzip
import html
from collections.abc import Callable
from urllib.parse import quote

import pytest

from bench.guard_data import own_sets
from extproc.guard.injection import Injection
from extproc.guard.read import read
from extproc.model.guard import Direction, Leaf

RULE = Injection()
ATTACKS = [
    case
    for each in own_sets()
    if each.name in {"own injection_user", "own injection_hostile"}
    for case in each.cases
    if case.is_attack and case.text.isascii()
]
_LOOKALIKES = str.maketrans("aeopcxyi", "\u0430\u0435\u043e\u0440\u0441\u0445\u0443\u0456")
_LEET = str.maketrans("aeio", "4310")
_WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}


def _between(mark: str) -> Callable[[str], str]:
    return lambda text: "".join(each + mark if each.isalpha() else each for each in text)


def _base64(text: str) -> str:
    return f"here: {base64.b64encode(text.encode()).decode()}"


DISGUISES: dict[str, Callable[[str], str]] = {
    "zero-width": _between("\u200b"),
    "soft hyphens": _between("\u00ad"),
    "bidirectional": lambda text: "\u202e".join(text.split(" ")).replace("\u202e", " \u202d"),
    "tags": lambda text: "hello " + "".join(chr(0xE0000 + ord(each)) for each in text if each != "\n"),
    "look-alikes": lambda text: text.translate(_LOOKALIKES),
    "full width": lambda text: text.translate(_WIDE),
    "combining": _between("\u0336"),
    "leetspeak": lambda text: text.translate(_LEET),
    "base64": _base64,
    "base64 twice": lambda text: _base64(_base64(text)),
    "gzip and base64": lambda text: f"x {base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()}",
    "hex": lambda text: f"run {text.encode().hex()}",
    "url": lambda text: quote(text, safe=""),
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "entities": lambda text: "".join(f"&#{ord(each)};" for each in text),
    "comment": lambda text: f"<p>Fine.</p><!-- {html.escape(text)} -->",
    "emphasis": lambda text: " ".join(f"{word[:1]}**{word[1:]}**" for word in text.split(" ")),
}


def _share(disguise: Callable[[str], str]) -> float:
    found = 0
    for case in ATTACKS:
        reading = read(Leaf(("m",), disguise(case.text), case.trust))
        found += any(finding.score >= 0.5 for finding in RULE.scan(reading, Direction.INPUT))
    return found / len(ATTACKS)


LOSSES = {"rot13": 0.15}
"""Turned letters are only turned back where one of them is then a frequent word."""


@pytest.mark.parametrize("name", DISGUISES)
def test_a_disguise_loses_at_most_a_twentieth_of_the_attacks(name: str) -> None:
    assert _share(DISGUISES[name]) >= _share(str) - LOSSES.get(name, 0.05)
