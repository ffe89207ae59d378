"""The ``Scanner`` port over a cross-encoder of entailment: does each sentence of an answer follow from its context?

The context is passed beside the answer, as to ``scanner_grounded``. Each sentence is held against each part of the
context that the model can read at once, and counts by the part that bears it out best; what follows only from two parts
together does not follow. That is sentences times parts, so it has a bound, beyond which there is no answer.
"""

import contextlib
from collections.abc import AsyncIterator, Sequence

from extproc.adapters.onnx_model import Window
from extproc.adapters.scanner_onnx import OnnxScanner, open_onnx_scanner
from extproc.guard.grounded import sentences
from extproc.model.guard import Direction, Finding, Leaf, Trust
from extproc.model.guard_scanners import EntailedSettings, OnnxSettings
from extproc.model.refusals import Unavailable
from extproc.policy.guard_ports import ScanAsked

_UNSUPPORTED = "unsupported"
_LEAST_CHARACTERS = 12
"""Of a sentence that claims something."""
_Claim = tuple[Leaf, int, int]


class EntailedScanner:
    """Use from one event loop; ``open_entailed_scanner`` makes one."""

    def __init__(self, name: str, settings: EntailedSettings, onnx: OnnxScanner) -> None:
        self._name = name
        self._settings = settings
        self._onnx = onnx
        self._label = onnx.model.labels.index(settings.label)

    async def scan(self, asked: ScanAsked) -> Sequence[Finding]:
        """See ``Scanner``. The score is how unlikely it is that the sentence follows."""
        context = "\n\n".join(leaf.text for leaf in asked.leaves if leaf.trust is Trust.HOSTILE)
        if asked.direction is not Direction.OUTPUT or not context:
            return ()
        claims = [
            (leaf, start, end)
            for leaf in asked.leaves
            if leaf.trust is Trust.MODEL
            for start, end in sentences(leaf.text)
            if end - start >= _LEAST_CHARACTERS
        ]
        if len(claims) > self._settings.most_windows:
            raise self._too_much()
        size = len(context) * max(1, len(claims))
        try:
            cut = await self._onnx.cut(asked.organisation, size, lambda: self._cut(context, claims))
        except ValueError as problem:
            raise Unavailable(self._name, str(problem)) from None
        scores = iter(await self._onnx.judge(asked.organisation, [window for windows in cut for window in windows]))
        return tuple(
            Finding(f"{self._name}.{_UNSUPPORTED}", leaf.place, start, end, round(1 - best, 4))
            for (leaf, start, end), windows in zip(claims, cut, strict=True)
            for best in [max(next(scores)[self._label] for _ in windows)]
        )

    def _cut(self, context: str, claims: Sequence[_Claim]) -> list[list[Window]]:
        cut: list[list[Window]] = []
        room = self._settings.most_windows
        for leaf, start, end in claims:
            windows = self._onnx.model.pair_windows(context, leaf.text[start:end])
            room -= len(windows)
            if room < 0:
                raise self._too_much()
            cut.append(windows)
        return cut

    def _too_much(self) -> Unavailable:
        return Unavailable(self._name, f"more than {self._settings.most_windows} windows to judge")


@contextlib.asynccontextmanager
async def open_entailed_scanner(name: str, settings: EntailedSettings) -> AsyncIterator[EntailedScanner]:
    """A cross-encoder that is loaded and runs until the end of the block.

    Raises:
        ModelInvalid: the directory holds none, or it lacks the label.
    """
    onnx = OnnxSettings(
        settings.directory,
        ((settings.label, _UNSUPPORTED),),
        settings.file,
        window_tokens=settings.window_tokens,
        overlap_tokens=settings.overlap_tokens,
        threads=settings.threads,
    )
    async with open_onnx_scanner(name, onnx) as opened:
        yield EntailedScanner(name, settings, opened)
