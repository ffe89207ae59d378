"""Where a text quotes: fenced code, code within a line, quotation marks right before. Built once for a text, linear."""

from bisect import bisect_right

_FENCE = "```"
_LINE_CHARS = 200
_PAIRED = ("`", '"')
_OPENING, _CLOSING = "\u201c", "\u201d"
_MARKS = ('"', "'", "`", "\u201c", "\u2018", "\u00ab")


class Quotes:
    """The quoted stretches of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._fences: list[int] = []
        at = text.find(_FENCE)
        while at >= 0:
            self._fences.append(at)
            at = text.find(_FENCE, at + len(_FENCE))

    def holds(self, start: int, end: int) -> bool:
        """Whether the stretch is quoted. A fence that is never closed quotes nothing."""
        before = bisect_right(self._fences, start)
        if before % 2 and before < len(self._fences):
            return True
        line_start = max(self._text.rfind("\n", max(0, start - _LINE_CHARS), start) + 1, start - _LINE_CHARS, 0)
        before_it = self._text[line_start:start]
        after_it = self._text[end : end + _LINE_CHARS].partition("\n")[0]
        if any(before_it.count(mark) % 2 and mark in after_it for mark in _PAIRED):
            return True
        if before_it.rfind(_OPENING) > before_it.rfind(_CLOSING) and _CLOSING in after_it:
            return True
        return before_it.endswith(_MARKS)
