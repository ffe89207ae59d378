"""Limits to how long a text may be: each string, and all of them together.

Settings are ``max_characters`` and ``max_tokens`` of one string, ``max_characters_total`` and ``max_tokens_total`` of
all. Tokens are estimated without anybody's tokenizer, one for four characters of ASCII and one for every other
character; ``policy.tokens`` knows better, and what is billed is known afterwards. Kinds are ``size.characters``,
``size.tokens``, ``size.characters_total`` and ``size.tokens_total``.
"""

from collections.abc import Mapping, Sequence

from extproc.guard.reading import Reading
from extproc.model.guard import Direction, Finding, Leaf
from extproc.model.guard_policy import Options

_CHARACTERS_A_TOKEN = 4
SETTINGS = ("max_characters", "max_characters_total", "max_tokens", "max_tokens_total")


class SizeRule:
    """The rule ``size``. A limit that is not given does not hold."""

    reach = 0
    """Nothing is held back for it. What a stream has shown of a string so far is judged as if it were all."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        """``limits``: by the names in ``SETTINGS``."""
        self._characters, self._all_characters, self._tokens, self._all_tokens = map(limits.get, SETTINGS)

    def scan(self, reading: Reading, direction: Direction) -> tuple[Finding, ...]:
        """What of a string is beyond its limits."""
        del direction
        leaf = reading.leaf
        if leaf.is_repeat:
            return ()
        # Many short strings may be in one leaf: each has the limit for itself.
        spans = [(part.start, part.end) for part in leaf.parts] or [(0, len(leaf.text))]
        found: list[Finding] = []
        start, end = max(spans, key=lambda span: span[1] - span[0])
        if self._characters is not None and end - start > self._characters:
            found.append(Finding("size.characters", leaf.place, start + self._characters, end))
        start, end = max(spans, key=lambda span: tokens(leaf.text[slice(*span)])) if self._tokens else (0, 0)
        if self._tokens is not None and tokens(leaf.text[start:end]) > self._tokens:
            found.append(Finding("size.tokens", leaf.place, start, end))
        return tuple(found)

    def scan_all(self, leaves: Sequence[Leaf], direction: Direction) -> tuple[Finding, ...]:
        """Whether all strings together are beyond their limits; the finding is the string that passes one."""
        del direction
        found: list[Finding] = []
        for kind, most, size in (
            ("size.characters_total", self._all_characters, _characters),
            ("size.tokens_total", self._all_tokens, lambda leaf: tokens(leaf.text)),
        ):
            total = 0
            for leaf in leaves:
                total += 0 if most is None or leaf.is_repeat else size(leaf)
                if most is not None and total > most:
                    found.append(Finding(kind, leaf.place, 0, len(leaf.text)))
                    break
        return tuple(found)


def _characters(leaf: Leaf) -> int:
    return len(leaf.text) - max(0, len(leaf.parts) - 1)  # gathered strings have a line break between them


def tokens(text: str) -> int:
    """About how many tokens a text is."""
    other = 0 if text.isascii() else len(text) - len(text.encode("ascii", "ignore"))
    return -(-(len(text) - other) // _CHARACTERS_A_TOKEN) + other


def make(options: Options) -> SizeRule:
    """The rule for its settings, whole numbers of 1 or more.

    Raises:
        ValueError: a setting is none of its or no such number, or there is none.
    """
    limits: dict[str, int] = {}
    for name, value in options:
        if name not in SETTINGS:
            raise ValueError(f"size has no setting {name}; it has {', '.join(SETTINGS)}")
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"size: {name} has to be a whole number of 1 or more")
        limits[name] = value
    if not limits:
        raise ValueError(f"size needs a limit: {', '.join(SETTINGS)}")
    return SizeRule(limits)
