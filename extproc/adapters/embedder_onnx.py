"""The ``Embedder`` port over a model on this machine: texts of several questions are read together, off the event loop.

Texts of like length share a batch, since a short one would be read at the cost of the longest; and a batch has a bound,
beyond which being together saves nothing. What waits is bounded too, and so is the time: a lookup that cannot be quick
is a miss. Read next: ``sentence_model``.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from extproc.model.cache import Vector
from extproc.model.cache_embedders import EmbedderLimits
from extproc.model.refusals import Unavailable

_DEPENDENCY = "embedder"
_BATCH_CHARACTERS = 1024
"""About 256 tokens: measured with MiniLM on two cores, eight texts of 32 tokens cost as much a token as 32 of them."""
_MOST_AT_ONCE = 16


class Encoder(Protocol):
    """Reads texts, and blocks while it does."""

    name: str
    dimensions: int

    def vectors(self, texts: Sequence[str]) -> list[Vector]:
        """Of each text its vector; empty for one that it cannot read whole."""
        ...


@dataclass(slots=True, eq=False)
class _Waiter:
    text: str
    vector: asyncio.Future[Vector]


@dataclass(slots=True, eq=False)
class BatchingEmbedder:
    """Use from one event loop; ``open_batching`` makes one and runs it."""

    encoder: Encoder
    threshold: float
    limits: EmbedderLimits
    batches: int = 0
    read: int = 0
    """Texts, in all batches."""
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "embedder"))
    _waiting: deque[_Waiter] = field(default_factory=deque)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def name(self) -> str:
        """See ``Embedder``."""
        return self.encoder.name

    @property
    def dimensions(self) -> int:
        """See ``Embedder``."""
        return self.encoder.dimensions

    async def embed(self, text: str) -> Vector:
        """See ``Embedder``."""
        if len(self._waiting) >= self.limits.most_waiting:
            raise Unavailable(_DEPENDENCY, "too many texts wait")
        waiter = _Waiter(text, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        self._wake.set()
        try:
            async with asyncio.timeout(self.limits.deadline_s):
                return await waiter.vector
        except TimeoutError:
            raise Unavailable(_DEPENDENCY, "not in time") from None
        finally:
            waiter.vector.cancel()
            # Who has gone leaves its place to others at once.
            with contextlib.suppress(ValueError):
                self._waiting.remove(waiter)

    async def run(self) -> None:
        """Read what waits until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            batch = self._take()
            if not batch:
                self._wake.clear()
                await self._wake.wait()
                continue
            try:
                texts = [waiter.text for waiter in batch]
                made = await loop.run_in_executor(self._thread, self.encoder.vectors, texts)
            except Exception as error:  # noqa: BLE001 - a background task, and the runtime's errors have no common kind
                for waiter in batch:
                    if not waiter.vector.done():
                        waiter.vector.set_exception(
                            Unavailable(_DEPENDENCY, f"the model failed: {type(error).__name__}")
                        )
                continue
            self.batches += 1
            self.read += len(batch)
            for waiter, vector in zip(batch, made, strict=True):
                if not waiter.vector.done():
                    waiter.vector.set_result(vector)

    def close(self) -> None:
        """Let go of the thread; what waits is given up."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        for waiter in self._waiting:
            waiter.vector.cancel()

    def _take(self) -> list[_Waiter]:
        """Who waits longest, and whoever's text is at most as long, and more than half as long."""
        if not self._waiting:
            return []
        batch = [self._waiting.popleft()]
        longest = max(1, len(batch[0].text))
        room = min(_MOST_AT_ONCE, max(1, _BATCH_CHARACTERS // longest)) - 1
        for waiter in list(self._waiting):
            if room <= 0:
                break
            if longest // 2 <= len(waiter.text) <= longest:
                self._waiting.remove(waiter)
                batch.append(waiter)
                room -= 1
        return batch


@contextlib.asynccontextmanager
async def open_batching(
    load: Callable[[], Encoder], threshold: float, limits: EmbedderLimits
) -> AsyncIterator[BatchingEmbedder]:
    """An embedder that has its model, and runs until the end of the block.

    Args:
        load: the model, from a thread.
        threshold: as calibrated.
        limits: of waiting.

    Raises:
        EmbedderInvalid: ``load`` did.
    """
    embedder = BatchingEmbedder(await asyncio.to_thread(load), threshold, limits)
    task = asyncio.create_task(embedder.run())
    try:
        yield embedder
    finally:
        task.cancel()
        await asyncio.wait({task})
        embedder.close()
