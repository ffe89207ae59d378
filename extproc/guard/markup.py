"""What HTML and Markdown show, and what they hide.

    find_tags(text)      stretches to take out so that the text remains as it is shown; and what is hidden: comments,
                         elements with hiding styles, scripts, titles and alternatives
    find_targets(text)   where Markdown's images are from, and its comments: nobody clicks on the one or sees the other

Neither is a parser of its language: a tag ends at the first ``>``, hidden is what a style on the element itself hides.
The raw text is always a reading too, so what is misjudged here is still read. One pass, linear: what does not end is
looked for once.
"""

import re
from dataclasses import dataclass, field

import re2

from extproc.guard.weaving import Swap

_TAG = re.compile("<(?:(!--)|(/?)([A-Za-z][A-Za-z0-9:-]{0,40})|[!?])")
_BLOCKS = frozenset(
    (
        *("address", "article", "aside", "blockquote", "body", "br", "center", "dd", "details", "div", "dl", "dt"),
        *("fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header"),
        *("hr", "html", "li", "main", "nav", "ol", "p", "pre", "section", "summary", "table", "tbody", "td", "tfoot"),
        *("th", "thead", "title", "tr", "ul"),
    )
)
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "wbr")
)
_SILENT = frozenset(("script", "style", "template", "noscript", "noembed", "noframes", "head", "title", "textarea"))
"""Elements whose content is not shown, or not as text of the page."""
_HIDING = re2.compile(
    rb"(?i)display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|opacity\s*:\s*0(?:\.0+)?\s*(?:[;\"'!]|$)"
    rb"|font-size\s*:\s*[01](?:\.\d+)?\s*(?:px|pt|em|rem|%|;|\"|'|$)|font\s*:\s*0"
    rb"|(?:max-)?(?:width|height)\s*:\s*[01](?:px)?\s*[;\"']"
    rb"|(?:^|[\s;\"'])color\s*:\s*(?:white|transparent|#fff(?:fff)?\b|rgba?\(\s*255\s*,\s*255\s*,\s*255)"
    rb"|(?:left|right|top|bottom|text-indent|margin-left|margin-top)\s*:\s*-\d{3}"
    rb"|clip\s*:\s*rect\(\s*0|clip-path\s*:\s*inset\(\s*(?:50|100)%"
    rb"|\shidden(?:[\s=/>]|$)|type\s*=\s*[\"']?hidden|aria-hidden\s*=\s*[\"']?true"
    rb"|color\s*=\s*[\"']?(?:white|#fff)|size\s*=\s*[\"']?0[\"'\s>]"
)
_SPOKEN = re.compile(
    r"[\s\"'](?:alt|title|aria-label|placeholder|content|value|data-[a-z0-9-]{1,40})\s{0,9}=\s{0,9}"
    r"(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))",
    re.IGNORECASE,
)
_TARGETS = re2.compile(
    rb"!\[[^\[\]\n]*\]\([ \t]{0,9}<?([^\s()<>]+)|(?m:^)[ \t]{0,3}\[[^\]\n]+\]:[ \t]*(?:#|<>)[ \t]+[\"'(]([^\n]+)"
)
_KINDS = ("image", "comment")


@dataclass(slots=True)
class Page:
    """What was found in one text."""

    swaps: list[Swap] = field(default_factory=list)
    """Takes the tags and comments out."""
    hidden: list[Swap] = field(default_factory=list)


@dataclass(slots=True)
class _Hidden:
    """A hidden element that has not ended yet."""

    name: str
    start: int
    depth: int = 1


def find_tags(text: str) -> Page:
    """See the module."""
    page = Page()
    hidden: _Hidden | None = None
    done = 0
    for match in _TAG.finditer(text):
        start, after = match.span()
        if start < done:
            continue
        comment, slash, name = match.groups()
        if comment:
            done = _end_of(text, "-->", start + 4)
            page.hidden.append(Swap(start, done, text[start + 4 : done].removesuffix("-->")))
            page.swaps.append(Swap(start, done, ""))
            continue
        done = text.find(">", after) + 1 or len(text)
        name = (name or "").lower()
        page.swaps.append(Swap(start, done, "\n" if name in _BLOCKS else ""))
        if done == after + 1 and hidden is None:
            # Most tags end at once: they say nothing, and hide only by what they are.
            hidden = _Hidden(name, done) if not slash and name in _SILENT else None
            continue
        inner = text[after:done]
        if "=" in inner:
            page.hidden += _spoken(inner, after)
        hidden = _follow(hidden, page, text, name, inner, start, done, is_end=bool(slash))
    if hidden is not None:
        page.hidden.append(Swap(hidden.start, len(text), text[hidden.start :]))
    return page


def find_targets(text: str) -> dict[str, list[Swap]]:
    """By kind: ``image``, ``comment``. Links stand in the text."""
    found: dict[str, list[Swap]] = {}
    for match in _TARGETS.finditer(text.encode("ascii", "replace")):
        group = match.lastindex
        start, end = match.span(group)
        found.setdefault(_KINDS[group - 1], []).append(Swap(start, end, text[start:end]))
    return found


def _follow(
    hidden: _Hidden | None, page: Page, text: str, name: str, inner: str, start: int, done: int, *, is_end: bool
) -> _Hidden | None:
    """The hidden element that is open after this tag."""
    if hidden is None:
        if is_end or name in _VOID or inner.endswith("/>"):
            return None
        could_hide = "=" in inner or "hidden" in inner.lower()
        is_hiding = name in _SILENT or (could_hide and _HIDING.search(inner.encode("ascii", "replace")) is not None)
        return _Hidden(name, done) if is_hiding else None
    if name == hidden.name and not inner.endswith("/>"):
        hidden.depth += -1 if is_end else 1
        if not hidden.depth:
            page.hidden.append(Swap(hidden.start, start, text[hidden.start : start]))
            return None
    return hidden


def _spoken(inner: str, start: int) -> list[Swap]:
    """What a tag's attributes say: read by nobody who looks at the page."""
    found: list[Swap] = []
    for match in _SPOKEN.finditer(inner):
        first, last = match.span(match.lastindex or 0)
        if last > first:
            found.append(Swap(start + first, start + last, inner[first:last]))
    return found


def _end_of(text: str, mark: str, start: int) -> int:
    """Where the text after the mark begins; the whole rest where it does not occur."""
    found = text.find(mark, start)
    return len(text) if found < 0 else found + len(mark)
