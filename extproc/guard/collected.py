"""What one rule found in one reading: each stretch of the leaf once for each kind."""

from extproc.guard.reading import Reading, View
from extproc.model.guard import Finding


class Collected:
    """Findings on their way out of a rule. Of several views that show the same stretch, the first is named."""

    def __init__(self, reading: Reading) -> None:
        self._place = reading.leaf.place
        self._found: dict[tuple[str, int, int], Finding] = {}

    def add(self, view: View, kind: str, start: int, end: int, score: float = 1.0) -> None:
        """Note a stretch of a view."""
        first, last = view.span(start, end)
        key = (kind, first, last)
        known = self._found.get(key)
        if known is None or known.score < score:
            self._found[key] = Finding(kind, self._place, first, last, score, view.via)

    def findings(self) -> tuple[Finding, ...]:
        """All of them, in the order in which they were found."""
        return tuple(self._found.values())
