"""How many tokens a text is, told offline: exactly where the family's own table is at hand, else by what it is made of.

    family_of(deployment)          whose tokenizer a model has
    read_text(texts) → Text        texts as one; cheap, nothing is counted yet
    Text.tokens(family)            about as many; ``most_tokens`` is what to reserve for
    load_tables(families)          what exact counting needs, before somebody waits for it

OpenAI's families are counted with OpenAI's own tables, which the package ``toktok-rs`` has inside: exact, 3 to 25 ms
for a megabyte, 90 ms for one of random letters, and without Python's lock. All others are counted by the kinds of
characters and the borders between them, with weights that were fitted to nine tokenizers so that no text of the corpus
is undercounted by more than ``BOUND_PERCENT``: prose in 40 languages and 14 scripts, code, tables, identifiers, and
random letters of each script, the worst there is; 20 ms for a megabyte. Where a vendor's tokenizer is not public
(Claude 3 and later, Nova) the bound is an assumption; docs/prices.md says which. ``most_tokens`` stops at the text's
bytes and a little: tokenizers fall back to bytes, and some write a few characters out or put a mark before the first.
"""

import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

import toktok

from extproc.model.catalog import Deployment

_PIECE_CHARACTERS = 64 * 1024
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
    is_counted: bool = True
    """False: by its size alone, which takes no time."""
    _counts: dict[Family, int] = field(default_factory=dict, compare=False, repr=False)
    _kinds: dict[str, int] = field(default_factory=dict, compare=False, repr=False)

    def uncounted(self) -> "Text":
        """The same, whose tokens are told by its size: no tokenizer makes more of it, and most make a quarter."""
        return replace(self, is_counted=False)

    def tokens(self, family: Family) -> int:
        """About as many tokens as the family's tokenizer makes of it. Takes time in proportion, once for a family."""
        if not self.is_counted:
            return self._most
        if family not in self._counts:
            self._counts[family] = self._count(family)
        return self._counts[family]

    def most_tokens(self, family: Family) -> int:
        """No fewer than the family's tokenizer makes of it, within the bound."""
        tokens = self.tokens(family)
        if family in _TABLES:
            return tokens
        return min(tokens + -(-tokens * BOUND_PERCENT // 100), self._most)

    @property
    def _most(self) -> int:
        return self.size_bytes + self.size_bytes // 64 + 1

    def _count(self, family: Family) -> int:
        if family in _TABLES:
            return _count_exactly(self.data, family)
        if not self._kinds and self.data:
            self._kinds.update(_count_kinds(self.data))
        weights = _WEIGHTS[family]
        return min(self.size_bytes, -(-sum(weights[kind] * count for kind, count in self._kinds.items()) // 1000))


def load_tables(families: Iterable[Family]) -> None:
    """Read what exact counting of these needs: a quarter of a second; 64 MB for o200k, 46 for cl100k."""
    for family in set(families) & _TABLES.keys():
        _count_exactly("", family)


def is_loaded(family: Family) -> bool:
    """Whether counting begins at once."""
    return family not in _TABLES or family in _LOADED


def read_text(texts: Iterable[str]) -> Text:
    """Texts as one, one after the other."""
    data = "\n".join(texts)
    try:
        encoded = data.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which tokenizers see as the mark for what is no character
        data = data.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        encoded = data.encode()
    return Text(data, len(encoded))


def _count_kinds(data: str) -> dict[str, int]:
    """How many of each kind that ``token_weights.json`` weighs; a pair across the edge of a piece is not seen."""
    total: dict[str, int] = {}
    # In pieces, between which a thread that counts gives way: each holds Python's lock, for about a millisecond.
    for at in range(0, len(data), _PIECE_CHARACTERS):
        time.sleep(0)
        for kind, count in _kinds_of(data[at : at + _PIECE_CHARACTERS]).items():
            total[kind] = total.get(kind, 0) + count
    return total


def _kinds_of(data: str) -> dict[str, int]:
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
    return found


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
_TABLES: Mapping[Family, str] = {Family.O200K: "o200k_base", Family.CL100K: "cl100k_base"}
_LOADED: set[Family] = set()


def _count_exactly(data: str, family: Family) -> int:
    # Marks such as <|endoftext|> are text here, as they are to a provider that gets them in a message.
    (count,) = toktok.batch_count([data], _TABLES[family], threads=1)
    _LOADED.add(family)
    return int(count)
