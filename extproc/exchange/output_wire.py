"""The running texts of an answer in the order in which they arrive, for what was split over several of them.

Half of a mark in a thought, half in the answer; or in turns over two choices: neither text has it, and a client that
joins them does. Only the rule that looks for the canary reads this: of all else, halves are nobody's secret.
"""

from extproc.exchange.output_lanes import Lane
from extproc.model.guard import Leaf, Place, Trust
from extproc.model.guard_policy import Check

WIRE: Place = ("#wire",)


class Wire:
    """The running texts as they arrive one after another, for what is split over several of them."""

    __slots__ = ("_last", "_reach", "_text", "_turned", "check")

    def __init__(self, check: Check, reach: int) -> None:
        self.check = check
        self._reach = reach
        self._text = ""
        self._last: Lane | None = None
        self._turned = 0
        """Characters since the text that came was another's."""

    def take(self, lane: Lane, text: str) -> None:
        """A piece arrived."""
        if self._last is not None and self._last is not lane:
            self._turned = 0
        self._last = lane
        self._text += text
        self._turned += len(text)

    def leaf(self) -> Leaf | None:
        """What is to be read; None where it is one text and read as such."""
        text = self._text
        self._text = text[-self._reach :]
        # What turned so long ago is all behind a finding's reach, even counting what waits to be judged.
        return Leaf(WIRE, text, Trust.MODEL) if self._turned < len(text) else None
