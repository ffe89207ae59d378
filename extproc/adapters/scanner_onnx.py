"""The ``Scanner`` port over an ONNX classifier: windows of several questions judged together, off the event loop.

Organisations take turns within and between batches, and a batch has a bound: a long text of one delays the others by
one batch at most. Windows of very different lengths are not put together, since the shorter would be judged at the cost
of the longer. Long texts are cut into windows off the event loop too, one question of an organisation at a time. Read
next: ``onnx_model``.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from extproc.adapters.onnx_model import ModelFiles, ModelInvalid, OnnxModel, Window
from extproc.model.guard import Finding, Leaf
from extproc.model.guard_scanners import OnnxSettings
from extproc.model.refusals import Unavailable
from extproc.policy.bulkhead import Bulkhead, BulkheadPolicy
from extproc.policy.guard_ports import ScanAsked

_T = TypeVar("_T")

_INLINE_CHARACTERS = 2000
"""About a millisecond to cut."""
_MOST_CUT = 1024


@dataclass(slots=True, eq=False)
class _Waiter:
    window: Window
    scores: asyncio.Future[list[float]]

    @property
    def bucket(self) -> int:
        """Windows of one bucket have at most two to its power of tokens, and more than half as many."""
        return (len(self.window.ids) - 1).bit_length()


@dataclass(slots=True, eq=False)
class OnnxScanner:
    """Use from one event loop; ``open_onnx_scanner`` makes one and runs it."""

    name: str
    settings: OnnxSettings
    model: OnnxModel
    batches: int = 0
    judged: int = 0
    """Windows, in all batches."""
    _judging: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "onnx"))
    _cutting: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2, "windows"))
    _turns: Bulkhead = field(default_factory=lambda: Bulkhead("windows", BulkheadPolicy(1, _MOST_CUT)))
    _waiting: dict[str, deque[_Waiter]] = field(default_factory=dict)
    """By organisation, those whose turn is next first."""
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    async def scan(self, asked: ScanAsked) -> Sequence[Finding]:
        """See ``Scanner``. The caller sets the deadline."""
        leaves = [leaf for leaf in asked.leaves if leaf.trust in self.settings.trusts and leaf.text]
        if sum(len(leaf.text) for leaf in leaves) > self.settings.most_characters:
            raise Unavailable(self.name, f"more than {self.settings.most_characters} characters to judge")
        size = sum(len(leaf.text) for leaf in leaves)
        pieces = await self.cut(asked.organisation, size, lambda: self._cut(leaves))
        scores = await self.judge(asked.organisation, [window for _, window in pieces])
        return tuple(
            finding
            for (leaf, window), found in zip(pieces, scores, strict=True)
            for finding in self._findings(leaf, window, found)
        )

    async def cut(self, organisation: str, characters: int, cutting: Callable[[], _T]) -> _T:
        """Windows of so many characters, off the event loop where that takes long."""
        if characters <= _INLINE_CHARACTERS:
            return cutting()
        async with self._turns.turn(organisation):
            return await asyncio.get_running_loop().run_in_executor(self._cutting, cutting)

    async def judge(self, organisation: str, windows: Sequence[Window]) -> list[list[float]]:
        """What the model says of each window, in the order of its labels.

        Raises:
            Unavailable: the model failed.
        """
        if not windows:
            return []
        loop = asyncio.get_running_loop()
        waiters = [_Waiter(window, loop.create_future()) for window in windows]
        self._waiting.setdefault(organisation, deque()).extend(waiters)
        self._wake.set()
        try:
            return await asyncio.gather(*(waiter.scores for waiter in waiters))
        except BaseException:
            for waiter in waiters:
                waiter.scores.cancel()
            raise

    async def run(self) -> None:
        """Judge what waits until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
                await asyncio.sleep(self.settings.batch_wait_s)
            batch = self._take()
            if not batch:
                continue
            try:
                scores = await loop.run_in_executor(
                    self._judging, self.model.classify, [waiter.window for waiter in batch]
                )
            except Exception as error:  # noqa: BLE001 - a background task, and the runtime's errors have no common kind
                for waiter in batch:
                    if not waiter.scores.done():
                        waiter.scores.set_exception(Unavailable(self.name, f"the model failed: {type(error).__name__}"))
                continue
            self.batches += 1
            self.judged += len(batch)
            for waiter, found in zip(batch, scores, strict=True):
                if not waiter.scores.done():
                    waiter.scores.set_result(found)

    def close(self) -> None:
        """Let go of the threads; what waits is given up."""
        for threads in (self._judging, self._cutting):
            threads.shutdown(wait=False, cancel_futures=True)
        for queue in self._waiting.values():
            for waiter in queue:
                waiter.scores.cancel()

    def _cut(self, leaves: Sequence[Leaf]) -> list[tuple[Leaf, Window]]:
        return [(leaf, window) for leaf in leaves for window in self.model.windows(leaf.text)]

    def _take(self) -> list[_Waiter]:
        """The next batch: of each organisation in turn, windows as long as the first one's, up to the batch's bound."""
        alive = (each.bucket for queue in self._waiting.values() for each in queue if not each.scores.done())
        bucket = next(alive, 0)
        most = 1 if self.model.is_single else max(1, self.settings.batch_tokens >> bucket)
        batch: list[_Waiter] = []
        owners = deque(self._waiting)
        while owners and len(batch) < most:
            owner = owners.popleft()
            waiter = self._next(owner, bucket)
            if waiter is not None:
                batch.append(waiter)
                owners.append(owner)
        return batch

    def _next(self, owner: str, bucket: int) -> _Waiter | None:
        """The first that this organisation has of this length. Who had a turn is the last in line."""
        queue = self._waiting.get(owner)
        if queue is None:
            return None
        for waiter in [waiter for waiter in queue if waiter.scores.done()]:
            queue.remove(waiter)
        found = next((waiter for waiter in queue if waiter.bucket == bucket), None)
        if found is not None:
            queue.remove(found)
            del self._waiting[owner]
            if queue:
                self._waiting[owner] = queue
        elif not queue:
            del self._waiting[owner]
        return found

    def _findings(self, leaf: Leaf, window: Window, scores: Sequence[float]) -> list[Finding]:
        by_label = dict(zip(self.model.labels, scores, strict=True))
        return [
            Finding(f"{self.name}.{kind}", leaf.place, window.start, window.end, round(by_label[label], 4))
            for label, kind in self.settings.labels
            if by_label[label] >= self.settings.least_score
        ]


@contextlib.asynccontextmanager
async def open_onnx_scanner(name: str, settings: OnnxSettings) -> AsyncIterator[OnnxScanner]:
    """A classifier that is loaded, has judged once, and runs until the end of the block.

    Raises:
        ModelInvalid: the directory holds none, or it lacks one of the labels.
    """
    files = ModelFiles(
        settings.directory,
        settings.file,
        settings.activation,
        settings.window_tokens,
        settings.overlap_tokens,
        settings.threads,
    )
    model = await asyncio.to_thread(OnnxModel, files)
    missing = [label for label, _ in settings.labels if label not in model.labels]
    if missing or not settings.labels:
        raise ModelInvalid(f"{name}: the model's labels are {', '.join(model.labels)}, not {', '.join(missing)}")
    await asyncio.to_thread(lambda: model.classify(model.windows("warm")))
    scanner = OnnxScanner(name, settings, model)
    task = asyncio.create_task(scanner.run())
    try:
        yield scanner
    finally:
        task.cancel()
        await asyncio.wait({task})
        scanner.close()
