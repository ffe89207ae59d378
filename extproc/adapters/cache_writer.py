"""Remembers answers in the background: a bounded queue between delivery and the cache's memory.

Whoever hands an answer in never waits. Where the queue is full or the memory cannot be asked, the answer is not
remembered, which is counted. An answer for which a sampled hit was passed over is compared with it.
"""

import asyncio
import json
import struct
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import structlog

from extproc.model.cache import Entry, Ticket, Vector
from extproc.model.exchange import DeliveryRecord, Usage
from extproc.model.money import MicroUsd
from extproc.model.refusals import Unavailable
from extproc.policy.closing import close_delivered
from extproc.policy.ports import Clock
from extproc.policy.recall import RecallDesk

MOST_WAITING = 256
"""Answers; each at most as long as ``exchange.keeping`` keeps them."""
SAME_COSINE = 0.9
"""From which two answers are taken for the same."""
_AT_ONCE = 4
_STEP_S = 2.0
"""For everything that one answer needs."""
_FAREWELL_S = 2.0


@dataclass(frozen=True, slots=True)
class Compared:
    """A new answer beside the remembered one that would have been given."""

    ticket: Ticket
    is_equal: bool
    """Word for word."""
    is_same: bool
    """In meaning, as the embedder sees it, or word for word."""


class CacheWriter:
    """A ``Keeping``. ``run`` must be running for anything to be remembered."""

    def __init__(
        self,
        desk: Callable[[], RecallDesk | None],
        clock: Clock,
        learn: Callable[[Compared], Awaitable[None]] | None = None,
        *,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        """``desk`` gives what is open now; ``learn`` gets each comparison."""
        self._desk = desk
        self._clock = clock
        self._learn = learn
        self._most = most_waiting
        self._waiting: deque[tuple[Ticket, Entry | None]] = deque()
        self._wake = asyncio.Event()
        self._log = structlog.get_logger("extproc.cache")
        self.dropped = 0
        """Answers that were not remembered."""
        self.stored = 0

    @property
    def waiting(self) -> int:
        """Answers that are not remembered yet."""
        return len(self._waiting)

    def keep(self, ticket: Ticket, answer: bytes, record: DeliveryRecord) -> None:
        """See ``Keeping``."""
        now_s = self._clock.now_s()
        closing = close_delivered(record, now_s)
        names = {each.deployment: each.upstream_model for each in record.context.plan}
        question = ticket.question
        entry = Entry(
            id=question.id,
            partition=question.partition,
            text=question.text,
            answer=answer,
            vector=ticket.vector,
            model=names.get(record.deployment, ""),
            owner=question.owner,
            exchange=record.context.id,
            usage=record.usage or Usage(0, 0),
            micro_usd=MicroUsd(0) if closing is None else closing.row.answer_micro_usd,
            stored_at_s=now_s,
            expires_at_s=now_s + ticket.ttl_s,
        )
        self._push(ticket, entry)

    def give_up(self, ticket: Ticket) -> None:
        """See ``Keeping``."""
        self._push(ticket, None)

    async def run(self) -> None:
        """Remember until cancelled; what is left then has a moment more."""
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(_AT_ONCE):
                    group.create_task(self._work())
        finally:
            await self.flush(_FAREWELL_S)

    async def flush(self, limit_s: float) -> None:
        """Remember what waits now, for as long as this: at the end of a worker."""
        try:
            async with asyncio.timeout(limit_s):
                while self._waiting:
                    await self._step(*self._waiting.popleft())
        except TimeoutError:
            self.dropped += len(self._waiting)

    async def _work(self) -> None:
        while True:
            while not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            await self._step(*self._waiting.popleft())

    async def _step(self, ticket: Ticket, entry: Entry | None) -> None:
        desk = self._desk()
        try:
            async with asyncio.timeout(_STEP_S):
                if desk is None:
                    self.dropped += entry is not None
                elif entry is None:
                    await desk.memory.give_up(ticket.question.partition, ticket.question.id)
                else:
                    await self._store(ticket, entry, desk)
        except (Unavailable, TimeoutError):
            self.dropped += entry is not None
        except Exception as error:  # noqa: BLE001 - a background task: remembering must not end the worker
            self.dropped += entry is not None
            self._log.error("cache_write_failed", error=type(error).__name__)

    async def _store(self, ticket: Ticket, entry: Entry, desk: RecallDesk) -> None:
        rival = None if ticket.rival is None else await desk.memory.get(entry.partition, ticket.rival)
        vector = entry.vector or await self._vector(ticket, desk)
        await desk.memory.put(replace(entry, vector=vector), max_entries=ticket.max_entries)
        self.stored += 1
        if rival is not None and self._learn is not None:
            await self._learn(await _compare(ticket, entry, rival, desk))

    async def _vector(self, ticket: Ticket, desk: RecallDesk) -> Vector:
        embedder = desk.embedder
        if embedder is None or embedder.name != ticket.embedder:
            # Of another model it would lie beside vectors that it cannot be compared with.
            return b""
        try:
            return await embedder.embed(ticket.question.text)
        except Unavailable:
            return b""

    def _push(self, ticket: Ticket, entry: Entry | None) -> None:
        if len(self._waiting) >= self._most:
            self.dropped += entry is not None
            return
        self._waiting.append((ticket, entry))
        self._wake.set()


def _said(answer: bytes) -> str:
    """The text of a canonical plain answer of ours."""
    text = json.loads(answer)["choices"][0]["message"]["content"]
    return text if isinstance(text, str) else ""


async def _compare(ticket: Ticket, new: Entry, old: Entry, desk: RecallDesk) -> Compared:
    one, other = _said(new.answer), _said(old.answer)
    if one == other or desk.embedder is None:
        return Compared(ticket, one == other, one == other)
    vectors = [await desk.embedder.embed(text) for text in (one, other)]
    return Compared(ticket, is_equal=False, is_same=_cosine(*vectors) >= SAME_COSINE)


def _cosine(one: Vector, other: Vector) -> float:
    """0 where one of them could not be read whole."""
    if not one or len(one) != len(other):
        return 0.0
    values = f"<{len(one) // 4}f"
    return float(sum(a * b for a, b in zip(struct.unpack(values, one), struct.unpack(values, other), strict=True)))
