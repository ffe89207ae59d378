"""Every string of a JSON value, told apart by how it is to be judged.

    long, or somebody's own words   a leaf of its own
    short                           gathered with the others of the same trust: names, ids, options
    JSON text                       a leaf, and its strings without their escapes where it has escapes
    a picture, a sound, a document  no text: only what its data URL says of it

Words of the API itself, as keys or as values, say nothing. Everything else is a leaf, whatever field it is in: what is
not known here is read all the same. No recursion: the depth of a provider's JSON is the provider's choice.
"""

import binascii
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from extproc.guard.api_words import API_WORDS
from extproc.guard.decoding import is_media, is_text
from extproc.guard.joining import Item, gather, join
from extproc.guard.json_strings import is_json, strings
from extproc.guard.places import AT, JOINED, JSON, KEY, SHORT, step
from extproc.model.guard import Leaf, Place, Trust

MOST_SHORT = 120
"""Characters up to which a string is gathered with others."""

_NAME = re.compile(r"[a-z_]{1,40}")
_DATA_URL = re.compile(r"data:[^,]{0,300},", re.IGNORECASE)
_PAYLOADS = frozenset(
    ("data", "file_data", "b64_json", "partial_image_b64", "embedding", "signature", "thought_signature")
)
"""Fields that hold base64 of no text."""
_BASE64 = re.compile(r"[A-Za-z0-9+/_\s-]+={0,2}\s*")
_LEAST_PAYLOAD = 64
_HEAD = 64
_NO_STRINGS = frozenset((int, float, bool, type(None)))


class Walk:
    """Collects the leaves of one value."""

    def __init__(self) -> None:
        """Nothing is collected yet."""
        self.leaves: list[Leaf] = []
        self._short: dict[Trust, list[Item]] = defaultdict(list)

    def finish(self) -> tuple[Leaf, ...]:
        """All leaves, the gathered ones last."""
        for trust, items in self._short.items():
            self.leaves += gather((SHORT, trust.value), items, trust)
        return tuple(self.leaves)

    def say(self, place: Place, text: str, trust: Trust) -> None:
        """Somebody's own words."""
        if text:
            self.leaves.append(Leaf(place, text, trust))

    def join(self, place: Place, items: list[Item], trust: Trust) -> None:
        """What may be split over several strings."""
        self.leaves += join((*place, JOINED), items, trust)

    def walk(self, value: object, place: Place, trust: Trust) -> None:
        """All strings and keys within a value."""
        stack: list[tuple[object, Place]] = [(value, place)]
        while stack:
            found, here = stack.pop()
            if isinstance(found, str):
                self.string(found, here, trust)
            elif isinstance(found, Mapping):
                below: list[tuple[object, Place]] = []
                for key, each in found.items():
                    there = (*here, step(key))
                    self.key(key, there, trust)
                    if isinstance(each, str | Mapping | list):
                        below.append((each, there))
                stack += reversed(below)
            elif isinstance(found, list) and not _NO_STRINGS.issuperset(map(type, found)):
                stack += [((each, (*here, index))) for index, each in reversed(list(enumerate(found)))]

    def key(self, key: str, place: Place, trust: Trust) -> None:
        """The key of what stands at ``place``."""
        # A name with a NUL is the gateway's own: no client can send one.
        if key not in API_WORDS and not key.startswith("\0"):
            self.short((*place, KEY), key, trust)

    def string(self, text: str, place: Place, trust: Trust) -> None:
        """Any string, by what it is."""
        if text in API_WORDS or self._is_payload(text, place):
            return
        self.short(place, text, trust)

    def short(self, place: Place, text: str, trust: Trust) -> None:
        """With the other short ones, if it is one."""
        if len(text) > MOST_SHORT:
            self.leaves.append(Leaf(place, text, trust))
        elif text:
            self._short[trust].append((place, text))

    def arguments(self, text: str, place: Place, trust: Trust) -> None:
        """What a tool is called with: JSON as a rule."""
        if not self.json(text, place, trust):
            self.say(place, text, trust)
            return
        values: list[Item] = []
        keys: list[Item] = []
        for each in strings(text):
            (keys if each.is_key else values).append(((*place, JSON, each.number), each.text))
        self.join(place, values, trust)
        # Names as programs have them say nothing together; anything else may be words, or a piece of encoded text.
        if not all(_NAME.fullmatch(key) for _, key in keys):
            self.join((*place, KEY), keys, trust)

    def json(self, text: str, place: Place, trust: Trust) -> bool:
        """A string that is JSON itself; whether it is."""
        if not is_json(text):
            return False
        self.leaves.append(Leaf(place, text, trust, is_json=True))
        if "\\" in text:
            inner = [((*place, JSON, each.number), each.text) for each in strings(text)]
            self.leaves += gather((*place, JSON), inner, trust, is_repeat=True)
        return True

    def _is_payload(self, text: str, place: Place) -> bool:
        """Whether it is no text; of a data URL what it says of itself is."""
        url = _DATA_URL.match(text) if text[:5].lower() == "data:" else None
        if url is not None:
            return self._of_url(text, url, place)
        if len(text) < _LEAST_PAYLOAD or not place or place[-1] not in _PAYLOADS:
            return False
        return _BASE64.fullmatch(text) is not None and not _starts_as_text(text)

    def _of_url(self, text: str, url: re.Match[str], place: Place) -> bool:
        rest = text[url.end() :]
        is_base64 = ";base64" in url[0].lower() and _BASE64.fullmatch(rest) is not None
        # Whatever it says that it is: only what is known to be a picture and its like is not read.
        if is_base64 and is_media(_head(rest)):
            self.short((*place, AT, 0), url[0], Trust.HOSTILE)
        else:
            # Whoever wrote a file is not who sends it. Reading decodes it.
            self.leaves.append(Leaf(place, text, Trust.HOSTILE))
        return True


def _head(text: str) -> bytes:
    letters = re.sub(r"[\s=]", "", text[: 2 * _HEAD])[:_HEAD]
    letters = letters[: len(letters) - len(letters) % 4].replace("-", "+").replace("_", "/")
    try:
        return binascii.a2b_base64(letters)
    except binascii.Error:
        return b""


def _starts_as_text(text: str) -> bool:
    head = _head(text)
    return bool(head) and not is_media(head) and is_text(head)


def items_of(value: object, place: Place) -> Iterator[tuple[object, Place]]:
    """The elements of an array with their places; nothing where it is none."""
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield each, (*place, index)
