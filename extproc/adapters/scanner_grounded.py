"""The ``Scanner`` port over the overlap of an answer with its context: ``guard.grounded`` asked for a whole answer.

Among the leaves that are asked about, what the model wrote is judged and what was retrieved (``Trust.HOSTILE``) is what
it is judged by: whoever asks passes the request's context leaves beside the answer's. Without any there is nothing to
judge by, and nothing is found.
"""

import asyncio
from collections.abc import Sequence

from extproc.guard.grounded import grounds_of, unsupported
from extproc.model.guard import Direction, Finding, Trust
from extproc.model.guard_scanners import GroundedSettings
from extproc.policy.guard_ports import ScanAsked

_INLINE_CHARACTERS = 20_000
"""About a millisecond; what is longer leaves the event loop."""


class GroundedScanner:
    """Holds nothing but its settings."""

    def __init__(self, name: str, settings: GroundedSettings) -> None:
        self._name = name
        self._settings = settings

    async def scan(self, asked: ScanAsked) -> Sequence[Finding]:
        """See ``Scanner``."""
        if asked.direction is not Direction.OUTPUT:
            return ()
        if sum(len(leaf.text) for leaf in asked.leaves) <= _INLINE_CHARACTERS:
            return self._judge(asked)
        return await asyncio.to_thread(self._judge, asked)

    def _judge(self, asked: ScanAsked) -> tuple[Finding, ...]:
        context = [leaf.text for leaf in asked.leaves if leaf.trust is Trust.HOSTILE]
        if not context:
            return ()
        grounds = grounds_of(context)
        settings = self._settings
        return tuple(
            Finding(f"{self._name}.{each.kind}", leaf.place, each.start, each.end, each.score)
            for leaf in asked.leaves
            if leaf.trust is Trust.MODEL
            for each in unsupported(
                leaf.text,
                grounds,
                least_overlap=settings.least_overlap,
                checks_numbers=settings.checks_numbers,
                least_words=settings.least_words,
            )
        )
