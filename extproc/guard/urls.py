"""Rule ``urls``: where the links and images of an answer, or of a document, lead.

    urls.foreign        to a host that the allow-list does not have
    urls.scheme         to no page at all: ``javascript:``, ``data:``, whatever ``schemes`` does not have
    urls.exfiltration   to a host that is not on the allow-list, with data in the address; worst in an image, for
                        nobody has to click on it
    urls.image          an image from a foreign host, without data that could be seen
    urls.userinfo       ``https://bank.example@elsewhere.example``
    urls.idn            a host that is not plain ASCII, and may look like another
    urls.address        an IP address in place of a name

Settings: ``allow``, hosts, ``*.example.com`` for all below; ``schemes`` (https, http, mailto, tel). Judged is what a
model writes and what nobody answers for: tool results, retrieved context, declarations. What users type is theirs.
Read next: ``url_parts``.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from urllib.parse import unquote_plus

import re2

from extproc.guard.collected import Collected
from extproc.guard.reading import Reading
from extproc.guard.settings import Settings
from extproc.guard.url_parts import Url, is_within, parts_of
from extproc.model.guard import Direction, Finding, Trust
from extproc.model.guard_policy import Options

_KNOWN = ("allow", "schemes")
_SCHEMES = ("https", "http", "mailto", "tel")
_HOST = re.compile(r"(?:\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\]", re.IGNORECASE)
_MOST_URLS = 2000
_REACH_CHARS = 1024

_PATTERN = re2.compile(
    rb"(?i)!\[[^\]\[]*\]\([ \t]*<?(?P<image>[^\s<>)]+)"
    rb"|<(?:img|image|iframe|embed|object|video|audio|source|script|link|input)\b[^<>]*?"
    rb"\b(?:src|href|data|poster|srcset)[ \t\n]*=[ \t\n]*[\"']?(?P<tag>[^\s\"'<>]+)"
    rb"|url\([ \t]*[\"']?(?P<css>(?:[a-z][a-z0-9+.-]*:|//)[^\s\"'<>)]+)"
    rb"|(?:\]\([ \t]*<?|\]:[ \t]+<?"
    rb"|\b(?:href|action|formaction|ping|content)[ \t\n]*=[ \t\n]*[\"']?(?:\d+;[ ]?url=)?)"
    rb"(?P<link>[^\s\"'<>)]+)"
    rb"|(?P<bare>\b(?:(?:https?|ftp|wss?|file|blob):[/\\]{1,3}|(?:javascript|vbscript|data):[a-z(/]|www\.)"
    rb"[^\s\"'<>`\])}]*)"
)
# The pattern's groups, in order.
_GROUPS = ("image", "tag", "css", "link", "bare")
_LOADED = ("image", "tag", "css")
_HINTS = (":", "//", "www.", "](", "=")

_TEMPLATE = re.compile(
    r"\{\{?[^{}]{0,60}\}|%7B|\[[A-Z_ ]{3,40}\]|<[A-Z_ ]{3,40}>|\$\{|YOUR_|_HERE\b|INSERT", re.IGNORECASE
)
_CODED = re.compile(r"[A-Za-z0-9+/_=-]{24,}")
_LONG_VALUE = 40
_WORDS_IN_VALUE = 3
_DATA_SCORE, _IMAGE_DATA_SCORE, _IMAGE_QUERY_SCORE = 0.6, 0.9, 0.7
_SCORES = {"foreign": 1.0, "scheme": 0.9, "userinfo": 0.8, "idn": 0.6, "address": 0.55, "image": 0.5}
_LONE_IMAGE_SCORE = 0.3  # without an allow-list nobody said which hosts are foreign
_WORST_SCHEMES = ("javascript", "vbscript", "data", "file", "blob")
_PICTURE = re.compile(r"image/(?:png|jpe?g|gif|webp)[;,]", re.IGNORECASE)


class Urls:
    """The rule, of one policy's hosts and schemes."""

    reach = _REACH_CHARS

    def __init__(self, allow: Sequence[str], schemes: Sequence[str]) -> None:
        self._allow = tuple(host.lower().rstrip(".") for host in allow)
        self._schemes = frozenset(scheme.lower().rstrip(":") for scheme in schemes)

    def scan(self, reading: Reading, direction: Direction) -> Sequence[Finding]:  # noqa: ARG002 - trust says it
        """Every address that leads where it should not."""
        if reading.leaf.trust in {Trust.TRUSTED, Trust.USER}:
            return ()
        collected = Collected(reading)
        # Most stand in several views.
        known: dict[tuple[str, bool], tuple[tuple[str, float], ...]] = {}
        for view in reading.views:
            if not any(hint in view.text for hint in _HINTS):
                continue
            shows = view.via[-1:] == ("image",)
            # Bytes are matched several times as fast; one for each character, so that positions are the same.
            shadow = view.text.encode("ascii", "replace")
            for match in islice(_PATTERN.finditer(shadow), _MOST_URLS):
                group = match.lastindex or 1
                how, start = _GROUPS[group - 1], match.start(group)
                text = view.text[start : match.end()].rstrip(".,;:!?*_")
                key = (text, shows or how in _LOADED)
                if key not in known:
                    known[key] = tuple(self._judge(parts_of(text), is_loaded=key[1]))
                for kind, score in known[key]:
                    collected.add(view, f"urls.{kind}", start, start + len(text), score)
        return collected.findings()

    def _judge(self, url: Url, *, is_loaded: bool) -> Iterator[tuple[str, float]]:
        if url.scheme and url.scheme not in self._schemes and (url.host or url.scheme in _WORST_SCHEMES):
            is_picture = url.scheme == "data" and is_loaded and _PICTURE.match(url.path) is not None
            if not is_picture:
                yield "scheme", _SCORES["scheme"]
        if not url.host:
            return
        if url.user and url.scheme not in {"mailto", "ftp"}:
            yield "userinfo", _SCORES["userinfo"]
        if not any(is_within(url.host, allowed) for allowed in self._allow):
            yield from self._of_foreign(url, is_loaded=is_loaded)

    def _of_foreign(self, url: Url, *, is_loaded: bool) -> Iterator[tuple[str, float]]:
        if self._allow:
            yield "foreign", _SCORES["foreign"]
        if url.is_international:
            yield "idn", _SCORES["idn"]
        if url.is_address:
            yield "address", _SCORES["address"]
        if _carries(url):
            yield "exfiltration", _IMAGE_DATA_SCORE if is_loaded else _DATA_SCORE
        elif is_loaded and "=" in url.query:
            yield "exfiltration", _IMAGE_QUERY_SCORE if self._allow else _LONE_IMAGE_SCORE
        elif is_loaded:
            yield "image", _SCORES["image"] if self._allow else _LONE_IMAGE_SCORE


def make(options: Options) -> Urls:
    """The rule of these settings.

    Raises:
        ValueError: one is wrong or unknown.
    """
    settings = Settings("urls", options)
    allow, schemes = settings.words("allow"), settings.words("schemes") or _SCHEMES
    settings.end(_KNOWN)
    for host in allow:
        if _HOST.fullmatch(host) is None:
            raise ValueError(f"urls: {host!r} in allow is no host; write docs.example.com or *.example.com")
    return Urls(allow, schemes)


def _carries(url: Url) -> bool:
    """Whether the address has words, code or blanks to fill in where an ordinary one has a name."""
    if _TEMPLATE.search(url.query) is not None:
        return True
    for field in url.query.split("&"):
        value = unquote_plus(field.partition("=")[2] or field)
        if len(value) >= _LONG_VALUE or _CODED.search(value) is not None or len(value.split()) > _WORDS_IN_VALUE:
            return True
    last = url.path.rpartition("/")[2]
    return _TEMPLATE.search(unquote_plus(last)) is not None
