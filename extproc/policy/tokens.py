"""How many tokens a text is, told offline: exactly where the family's own table is at hand, else by what it is made of.

    family_of(deployment)          whose tokenizer a model has
    read_text(texts) → Text        what texts are made of, once for all families
    Text.tokens(family)            about as many; ``most_tokens`` is what to reserve for

Counted by the kinds of characters and the borders between them, with weights that were fitted to nine tokenizers so
that no text of the corpus is undercounted by more than ``BOUND_PERCENT``: prose in 40 languages and 14 scripts, code,
tables, identifiers, and random letters of each script, the worst there is. Where a vendor's tokenizer is not
public (Claude 3 and later, Nova) the bound is an assumption; docs/prices.md says which. ``most_tokens`` stops at the
text's bytes and a little: tokenizers fall back to bytes, and some write a few characters out or put a mark before the
first. Takes time in proportion to the text: 60 us for 2 KB, 20 ms for a megabyte.

With the package ``quicktok-v1`` (extra ``tokens``), OpenAI's families are counted with their own tables.
"""

import importlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from extproc.model.catalog import Deployment

BOUND_PERCENT = 35
"""The most that a count may be below a tokenizer's own, in percent of the count."""


class Family(StrEnum):
    """Models that cut text alike."""

    O200K = "o200k"
    """OpenAI since gpt-4o."""
    CL100K = "cl100k"
    """OpenAI's embeddings, gpt-4 and gpt-3.5."""
    CLAUDE = "claude"
    GEMINI = "gemini"
    MISTRAL = "mistral"
    OTHER = "other"
    """Not known: as many tokens as the worst of them."""


_BY_NAME: tuple[tuple[re.Pattern[str], Family], ...] = (
    (re.compile(r"claude"), Family.CLAUDE),
    (re.compile(r"gpt-4o|gpt-4\.1|gpt-4\.5|gpt-[5-9]|gpt-audio|gpt-oss|chatgpt-4o|(^|/)o[134](-|$)"), Family.O200K),
    (re.compile(r"gpt-4|gpt-3\.5|gpt-35|text-embedding-(3|ada)"), Family.CL100K),
    (re.compile(r"gemini|gemma"), Family.GEMINI),
    (re.compile(r"mistral|mixtral|ministral|codestral|magistral|devstral|pixtral|voxtral"), Family.MISTRAL),
)


def family_of(deployment: Deployment) -> Family:
    """Whose tokenizer a deployment's model has, by its name at the provider."""
    name = deployment.upstream_model.lower()
    if deployment.dialect in {"anthropic", "vertex-anthropic"}:
        return Family.CLAUDE
    return next((family for pattern, family in _BY_NAME if pattern.search(name)), Family.OTHER)


@dataclass(frozen=True, slots=True)
class Text:
    """Texts as tokenizers see them. Only ``read_text`` makes one."""

    data: str
    size_bytes: int
    kinds: Mapping[str, int]
    """How many of each kind that ``token_weights.json`` weighs."""

    def tokens(self, family: Family) -> int:
        """About as many tokens as the family's tokenizer makes of it."""
        exact = _exact(family)
        if exact is not None:
            return exact(self.data)
        weights = _WEIGHTS[family]
        return min(self.size_bytes, -(-sum(weights[kind] * count for kind, count in self.kinds.items()) // 1000))

    def most_tokens(self, family: Family) -> int:
        """No fewer than the family's tokenizer makes of it, within the bound."""
        tokens = self.tokens(family)
        if _exact(family) is not None:
            return tokens
        return min(tokens + -(-tokens * BOUND_PERCENT // 100), self.size_bytes + self.size_bytes // 64 + 1)


def warm_up() -> None:
    """Read the tables that are installed, so that no request waits for them."""
    for family in _TABLES:
        _exact(family)


def read_text(texts: Iterable[str]) -> Text:
    """What texts are made of, one after the other."""
    data = "\n".join(texts)
    try:
        encoded = data.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which tokenizers see as the mark for what is no character
        data = data.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        encoded = data.encode()
    # What UTF-8 adds after a character's first byte says nothing more.
    kinds = encoded.translate(_KINDS, b"" if data.isascii() else _CONTINUATIONS)
    words = kinds.translate(_LETTERS)
    count, word = kinds.count, words.count
    found = {
        "words": word(b" a") + word(b".a") + word(b"0a") + words.startswith(b"a"),
        "vowels": count(b"e"),
        "consonants": count(b"c"),
        "rare_letters": count(b"q"),
        "consonant_rows": count(b"ccc") + count(b"ccq") + count(b"qcc"),
        "capitals": count(b"A"),
        "capitals_after_blanks": count(b" A") + count(b".A"),
        "capitals_after_letters": count(b"eA") + count(b"cA"),
        "capital_pairs": count(b"AA"),
        "digits": count(b"0"),
        "digit_rows": word(b" 0") + word(b".0") + word(b"a0"),
        "marks": count(b"."),
        "mark_pairs": count(b".."),
        "blank_pairs": count(b"  "),
        "newlines": count(b"\n"),
        "newline_pairs": count(b"\n\n"),
        "tabs_and_controls": count(b"\t"),
    }
    if not data.isascii():
        found |= {name: count(letter) for name, letter in _SCRIPTS}
    return Text(data, len(encoded), found)


_SCRIPT_RANGES = (
    ("latin_1", "L", 0xC2, 0xC3),
    ("latin_extended", "M", 0xC4, 0xC5),
    ("two_bytes_other", "N", 0xC6, 0xDF),
    ("greek", "G", 0xCE, 0xCF),
    ("cyrillic", "R", 0xD0, 0xD3),
    ("hebrew", "H", 0xD6, 0xD7),
    ("arabic", "B", 0xD8, 0xDB),
    ("indic_and_thai", "I", 0xE0, 0xE0),
    ("three_bytes_other", "J", 0xE1, 0xE1),
    ("symbols", "S", 0xE2, 0xE2),
    ("kana", "K", 0xE3, 0xE3),
    ("cjk", "Z", 0xE4, 0xE9),
    ("hangul", "O", 0xEA, 0xED),
    ("compatibility", "F", 0xEE, 0xEF),
    ("four_bytes", "E", 0xF0, 0xF4),
)
"""The first bytes of UTF-8 sequences by what is mostly written with them; a later line takes from an earlier one."""
_SCRIPTS = tuple((name, letter.encode()) for name, letter, _, _ in _SCRIPT_RANGES)
_CONTINUATIONS = bytes(range(0x80, 0xC0))


def _kinds() -> bytes:
    table = bytearray(b"." * 256)
    groups = (("aeiouy", "e"), ("jqxz", "q"), ("bcdfghklmnprstvw", "c"), ("0123456789", "0"), ("\n\r", "\n"))
    for characters, kind in groups:
        for character in characters:
            table[ord(character)] = ord(kind)
    table[ord("A") : ord("Z") + 1] = b"A" * 26
    table[0:32] = bytes(byte if byte == ord("\n") else ord("\t") for byte in table[0:32])
    table[ord("\r")], table[ord(" ")] = ord("\n"), ord(" ")
    for _, letter, first, last in _SCRIPT_RANGES:
        for lead in range(first, last + 1):
            table[lead] = ord(letter)
    return bytes(table)


_KINDS = _kinds()
_LETTERS = bytes.maketrans(b"ecqA\n\t" + b"LMNGRHBIJSKZOFE", b"aaaa  " + b"n" * 15)


def _weights(text: str) -> Mapping[Family, Mapping[str, int]]:
    """Thousandths of a token for each of a kind, by family."""
    return {Family(name): weights for name, weights in json.loads(text).items()}


_WEIGHTS = _weights(Path(__file__).with_name("token_weights.json").read_text(encoding="utf-8"))
_TABLES = {Family.O200K: "o200k_base", Family.CL100K: "cl100k_base"}


@cache
def _exact(family: Family) -> Callable[[str], int] | None:
    """The family's own tokenizer, where it is installed. The first call reads its table: half a second, 70 MB."""
    if family not in _TABLES:
        return None
    try:
        module = importlib.import_module("quicktok")
    except ImportError:
        return None
    count: Callable[[str], int] = module.get_encoding(_TABLES[family]).count
    return count
