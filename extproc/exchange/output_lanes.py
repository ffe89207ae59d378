"""One text of an answer as its pieces come: how far it is judged, what is to be changed in it, what may go.

    take(text) → where it lies   …   window() → judged → note(finding) …   settle()   →   written(start, end)

Offsets are in characters from the lane's beginning. What went is remembered as far as a rule may look back. Pure; read
next: ``guard.tail`` for how much is held.
"""

from bisect import bisect_right, insort
from dataclasses import dataclass, field, replace
from operator import attrgetter

from extproc.exchange.output_strings import Flow
from extproc.guard.json_state import JsonState
from extproc.guard.redaction import masking
from extproc.guard.restoration import Restorer
from extproc.guard.tail import held_from
from extproc.model.guard import Edit, Finding, Place

LEAST_NEW = 64
"""Characters that are waited for before a held text is judged again."""
_NEW_SHARE = 8
"""And no less than this part of what is read again with them, so that the work grows with the text and not with its
pieces."""
GATE_SIZES = (256, 512, 1024)
"""Characters of a text at which scanners that are no rules are asked while it grows; then after each further 1024."""
_MOST_WINDOW = 32 * 1024
"""Characters of an open finding that are read again; beyond that its end is not looked for."""
_MOST_KNOWN = 256
_RUNS_AFTER = 8
"""Values of an unknown field after which it is taken for a text in pieces."""


@dataclass(slots=True)
class Lane:
    """See the module."""

    place: Place
    flow: Flow
    reach: int
    choice: int | None = None
    is_json: bool = False
    text: str = ""
    base: int = 0
    """Where ``text`` begins."""
    read_from: int = 0
    """Where rules begin to read."""
    judged: int = 0
    """Up to where they have read."""
    safe: int = 0
    """Up to where they have nothing more to say."""
    gate: int = 0
    """Up to where scanners that are no rules have judged; only looked at where there are any that may end an answer."""
    gone: int = 0
    """Up to where it went to the client."""
    is_ended: bool = False
    may_end: bool = True
    """Whether another text of its choice ends it: not where it went on after that."""
    edits: list[Edit] = field(default_factory=list)
    counted: dict[tuple[str, str, int], int] = field(default_factory=dict)
    """Scanner, kind and start of findings that were counted, and their ends."""
    known: dict[str, tuple[int, int]] = field(default_factory=dict)
    state: JsonState = field(default_factory=JsonState)
    """Where a reader of JSON stands at ``base``."""
    is_held: bool = field(init=False)
    """Whether its end waits for what comes next."""

    def __post_init__(self) -> None:
        self.is_held = self.flow is Flow.RUNNING or self.flow is Flow.BESIDE

    @property
    def end(self) -> int:
        """How long it is so far."""
        return self.base + len(self.text)

    @property
    def is_due(self) -> bool:
        """Whether there is enough to be judged."""
        if not self.is_held:
            return self.end > self.judged
        if self.is_ended:
            return self.safe < self.end
        return self.end - self.judged >= max(LEAST_NEW, (self.judged - self.read_from) // _NEW_SHARE)

    @property
    def whole_place(self) -> Place:
        """Where the text would stand in a plain answer."""
        place = self.place
        return (*place[:2], "message", *place[3:]) if place[0] == "choices" and place[2:3] == ("delta",) else place

    @property
    def is_at_gate(self) -> bool:
        """Whether scanners that are no rules are to be asked."""
        if not self.is_held or self.is_ended:
            return self.end > self.gate
        if self.gate >= GATE_SIZES[-1]:
            return self.end - self.gate >= GATE_SIZES[-1]
        return self.end >= next(size for size in GATE_SIZES if size > self.gate)

    def take(self, text: str) -> tuple[int, int]:
        """Add a piece; where it lies. A value that is known lies where it lay."""
        if not self.is_held:
            there = self.known.get(text)
            if there is not None:
                return there
        if self.is_ended:
            self.is_ended, self.may_end = False, False
        start = self.end
        self.text += text
        if not self.is_held:
            if len(self.known) < _MOST_KNOWN:
                self.known[text] = (start, self.end)
            if self.flow is Flow.UNKNOWN and len(self.known) >= _RUNS_AFTER:
                self.flow, self.is_held, self.gone = Flow.RUNNING, True, start
        return start, self.end

    def bound(self, restorer: Restorer | None) -> int:
        """Up to where findings are certain, if all of it is judged now."""
        if self.is_ended or not self.is_held:
            return self.end
        held = held_from(self.text, self.reach)
        if restorer is not None and self.flow is not Flow.BESIDE:
            held = min(held, restorer.open_at(self.text))
        return max(self.safe, self.base + held)

    def certain(self, reach: int) -> int:
        """Up to where a rule that reaches no further has nothing more to say."""
        return self.base + held_from(self.text, reach)

    def note(self, scanner: str, kind: str, start: int, end: int) -> bool:
        """Whether this finding, in the lane's offsets, is new; one that has grown is not."""
        known = self.counted.get((scanner, kind, start))
        self.counted[scanner, kind, start] = max(end, known or 0)
        return known is None

    def mask(self, finding: Finding) -> None:
        """Take this out as far as it has not gone; the finding is in the lane's offsets."""
        before = self.state.opening if self.is_json else ""
        shift = self.base - len(before)
        here = replace(finding, start=max(finding.start, self.base) - shift, end=finding.end - shift)
        for edit in masking(before + self.text, (here,), is_json=self.is_json):
            start, end, text = max(edit.start, len(before)) + shift, edit.end + shift, edit.replacement
            if self.is_json and text.startswith('"') and (start < self.gone or edit.start < len(before)):
                # Its beginning has gone as a number: it can only go on as one.
                text = "0"
            self._put(Edit(max(start, self.gone), end, text))

    def restore(self, restorer: Restorer, bound: int) -> bool:
        """Put the caller's own values back where their placeholders begin before ``bound``; whether there were any."""
        found = False
        for edit in restorer.edits(self.text, is_json=self.is_json):
            start, end = edit.start + self.base, edit.end + self.base
            if self.safe <= start < bound and self.note("", "restored", start, end):
                self._put(Edit(start, end, edit.replacement))
                found = True
        return found

    def _put(self, edit: Edit) -> None:
        start, end, replacement = edit.start, edit.end, edit.replacement
        at = bisect_right(self.edits, start, key=attrgetter("start"))
        if at > 0 and self.edits[at - 1].end > start:
            at -= 1
            start, replacement = self.edits[at].start, self.edits[at].replacement
        while at < len(self.edits) and self.edits[at].start < end:
            end = max(end, self.edits.pop(at).end)
        if start < end:
            insort(self.edits, Edit(start, end, replacement), key=attrgetter("start"))

    def settle(self, bound: int, look_back: int | None = None) -> None:
        """All of it was judged; up to ``bound`` for good. Forget what nobody looks back at.

        Args:
            bound: what ``bound`` said before.
            look_back: where scanners that are no rules want the text from.
        """
        self.judged, self.safe = self.end, max(self.safe, bound)
        least = self.base + held_from(self.text[: self.safe - self.base], self.reach)
        # A finding that reaches the end may go on.
        growing = [key[2] for key, end in self.counted.items() if end >= self.end]
        least = max(self.base, min((least, *growing)) if self.is_held else least, self.end - _MOST_WINDOW)
        # What waits is never forgotten, however much it is.
        least = min(least, self.safe)
        self.read_from = least
        keep = max(self.base, least if look_back is None else min(least, look_back))
        if keep > self.base:
            dropped = self.text[: keep - self.base]
            if self.is_json:
                self.state = self.state.after(dropped)
            self.text = self.text[keep - self.base :]
            self.base = keep
            self.counted = {key: end for key, end in self.counted.items() if end > keep}
            if self.is_held:
                self.edits = [edit for edit in self.edits if edit.end > min(keep, self.gone)]

    def written(self, start: int, end: int, original: str) -> str:
        """What goes to the client of the piece that lies there."""
        if self.is_held:
            self.gone = max(self.gone, end)
        if not self.edits:
            return original
        pieces: list[str] = []
        at = start
        for edit in self.edits:
            if edit.end <= start or edit.start >= end:
                continue
            pieces.append(original[at - start : max(edit.start, at) - start])
            if edit.start >= start:
                pieces.append(edit.replacement)
            at = min(edit.end, end)
        pieces.append(original[at - start :])
        return "".join(pieces)
