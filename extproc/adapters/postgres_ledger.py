"""Brings rows to the ledger in the background: in batches to Postgres, to the local disk when Postgres is not there.

    append → queue → every 50 ms a batch → Postgres within 50 ms, or else the spool → later Postgres

A row is *safe* once Postgres has committed it or the disk has it; ``flush`` waits for that. A crash loses at most what
is not safe: the rows of the last batch interval, and the batch that is just being written. A row may be written twice,
since an answer can get lost; the merge in ``ledger_tables`` makes once of it.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import islice
from typing import TypeVar

import structlog

from extproc.adapters.ledger_rows import find_flaw
from extproc.adapters.ledger_spool import LedgerSpool, SpoolTrouble
from extproc.adapters.ledger_tables import LedgerTables, RowRefused
from extproc.model.ledger import LedgerRow
from extproc.model.limits import Baseline
from extproc.model.refusals import Unavailable

T = TypeVar("T")
_BATCH = 100
"""Rows in one statement: turning them into JSON and back keeps the event loop busy for 4 ms."""
_DISK_S = 5.0
_LONGEST_PAUSE_S = 5.0
_TELL_S = 2.0
_FAREWELL_S = 2.0


class PostgresLedger:
    """``Ledger`` and ``Baselines``. ``run`` must be running for rows to arrive anywhere."""

    def __init__(
        self,
        tables: LedgerTables,
        spool: LedgerSpool,
        on_committed: Callable[[Sequence[LedgerRow]], None] = lambda _: None,
        *,
        every_s: float = 0.05,
        patience_s: float = 0.05,
        most_queued: int = 10_000,
    ) -> None:
        """Nothing is done before ``run``.

        Args:
            tables: where rows belong.
            spool: where they wait.
            on_committed: told of rows as they are in Postgres after each commit; must not wait.
            every_s: how long a row waits for others at most.
            patience_s: how long Postgres may take before a batch goes to the disk as well.
            most_queued: rows in memory; from half of it on ``is_full``, beyond it rows are lost, and the log says so.
        """
        self._tables = tables
        self._spool = spool
        self._on_committed = on_committed
        self._every_s = every_s
        self._patience_s = patience_s
        self._most_queued = most_queued
        self._queue: deque[LedgerRow] = deque()
        self._appended = 0
        self._safe = 0
        self._lost = 0
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._straggler: asyncio.Task[bool] | None = None
        self._writing: asyncio.Future[None] | None = None
        self._pause_s = 0.0
        self._away_until_s = 0.0
        self._disk_trouble = ""
        self._log = structlog.get_logger("extproc.ledger")

    @property
    def is_full(self) -> bool:
        """See ``Ledger``."""
        return (
            len(self._queue) * 2 >= self._most_queued
            or self._spool.is_nearly_full
            or bool(self._disk_trouble and self._pause_s)
        )

    @property
    def unwritten(self) -> int:
        """Rows that Postgres is not known to have."""
        return len(self._queue) + self._spool.rows

    @property
    def lost(self) -> int:
        """Rows for which there was no room at all, and such as can be written nowhere."""
        return self._lost

    def append(self, row: LedgerRow) -> None:
        """See ``Ledger``."""
        reason = "no room" if len(self._queue) >= self._most_queued else find_flaw(row)
        if reason is not None:
            self._lost += 1
            self._log.error("ledger_row_lost", exchange=row.exchange, reason=reason, lost=self._lost)
            return
        self._queue.append(row)
        self._appended += 1
        self._wake.set()

    async def flush(self, limit_s: float) -> bool:
        """Whether every row appended so far became safe within the limit."""
        if self._safe >= self._appended:
            return True
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append((self._appended, waiter))
        done, _ = await asyncio.wait({waiter}, timeout=limit_s)
        return bool(done)

    async def baselines(self, organisation: str, parts: Sequence[str]) -> Mapping[str, Baseline]:
        """See ``Baselines``. Rows that still wait here are not within: they are told again once they are committed."""
        return await self._tables.baselines(organisation, parts)

    async def run(self) -> None:
        """Bring rows to where they are safe, again and again; once more when cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._secure_all())
                group.create_task(self._replay_all())
                group.create_task(self._tell_all())
        finally:
            await self._say_farewell()

    async def _secure_all(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(self._every_s)
            self._wake.clear()
            while self._queue:
                await self._secure(list(islice(self._queue, _BATCH)))

    async def _secure(self, rows: list[LedgerRow]) -> None:
        """Make the first rows of the queue safe; they stay in it until they are."""
        if self._straggler is not None and self._straggler.done():
            self._straggler = None
        own: asyncio.Task[bool] | None = None
        # While much waits on the disk it goes there too: two who write at once only wait for each other.
        if self._straggler is None and not self._is_away() and self._spool.rows <= _BATCH:
            own = self._straggler = asyncio.create_task(self._try_commit(rows))
            await asyncio.wait({own}, timeout=self._patience_s)
            if own.done() and own.result():
                self._drop(len(rows))
                return
        if await self._to_disk(rows):
            self._drop(len(rows))
        elif self._straggler is not None and not self._straggler.done():
            # No disk: there is only Postgres, and it may take its time.
            await asyncio.wait({self._straggler}, timeout=self._tables.limit_s + 1)
            if own is not None and own.done() and own.result():
                self._drop(len(rows))
        else:
            await asyncio.sleep(max(self._every_s, self._pause_s / 2))

    async def _try_commit(self, rows: Sequence[LedgerRow]) -> bool:
        try:
            await self._commit(rows)
        except Unavailable as trouble:
            self._note_trouble(trouble)
        except Exception as error:  # noqa: BLE001 - a background task: the rows go to the disk
            self._note_trouble(error)
        else:
            self._note_success()
            return True
        return False

    async def _commit(self, rows: Sequence[LedgerRow]) -> None:
        try:
            merged = await self._tables.write(rows)
        except RowRefused as refused:
            if len(rows) > 1:
                half = len(rows) // 2
                await self._commit(rows[:half])
                await self._commit(rows[half:])
                return
            self._log.error("ledger_row_refused", exchange=rows[0].exchange, reason=str(refused))
            await self._on_disk(asyncio.to_thread(self._spool.set_aside, rows[0]))
            return
        try:
            self._on_committed(merged)
        except Exception as error:  # noqa: BLE001 - a background task: the rows are where they belong
            self._log.error("ledger_listener_failed", error=type(error).__name__)

    async def _to_disk(self, rows: Sequence[LedgerRow]) -> bool:
        if self._writing is not None and not self._writing.done():
            return False  # an earlier write hangs
        self._writing = asyncio.ensure_future(asyncio.to_thread(self._spool.write, rows))
        done, _ = await asyncio.wait({self._writing}, timeout=_DISK_S)
        trouble = self._writing.exception() if done else TimeoutError(f"the disk took more than {_DISK_S:g} s")
        if trouble is None:
            if self._disk_trouble:
                self._log.warning("ledger_spool_works_again")
            self._disk_trouble = ""
            return True
        if not self._disk_trouble:
            self._log.error("ledger_spool_fails", reason=str(trouble), rows=len(self._queue))
        self._disk_trouble = str(trouble)
        return False

    async def _replay_all(self) -> None:
        adopt_at_s = 0.0
        while True:
            now_s = asyncio.get_running_loop().time()
            try:
                if now_s >= adopt_at_s:
                    adopt_at_s = now_s + _LONGEST_PAUSE_S
                    for writer in await self._on_disk(asyncio.to_thread(self._spool.adopt)):
                        await self._tables.forget_writer(writer)
                if not self._is_away():
                    while await self._replay_one():
                        pass
            except SpoolTrouble as trouble:
                self._log.error("ledger_replay_fails", reason=str(trouble))
                await asyncio.sleep(_LONGEST_PAUSE_S)
            except Unavailable as trouble:
                self._note_trouble(trouble)
            except Exception as error:  # noqa: BLE001 - a background task: the rows stay on the disk
                self._log.error("ledger_replay_fails", reason=type(error).__name__)
                self._note_trouble(error)
            await asyncio.sleep(max(self._every_s, 0.1))

    async def _replay_one(self) -> bool:
        """Bring the oldest file to Postgres; False when there is none."""
        segment = await self._on_disk(asyncio.to_thread(self._spool.take))
        if segment is None:
            return False
        contents = await self._on_disk(asyncio.to_thread(self._spool.read, segment))
        for begin in range(0, len(contents.rows), _BATCH):
            await self._commit(contents.rows[begin : begin + _BATCH])
        self._note_success()
        if contents.damaged:
            self._log.error("ledger_spool_damaged", file=segment.path.name, lines=contents.damaged)
        is_damaged = contents.damaged > 0
        gone = await self._on_disk(asyncio.to_thread(self._spool.done, segment, is_damaged=is_damaged))
        if len(contents.rows) > _BATCH or contents.is_torn:
            left = self._spool.rows
            self._log.info("ledger_replayed", rows=len(contents.rows), left=left, is_torn=contents.is_torn)
        if gone is not None:
            await self._tables.forget_writer(gone)
        return True

    async def _tell_all(self) -> None:
        while True:
            try:
                await self._tables.tell_writer(self._spool.writer, self.unwritten)
            except Unavailable as trouble:
                self._note_trouble(trouble)
            except Exception as error:  # noqa: BLE001 - a background task
                self._note_trouble(error)
            await asyncio.sleep(_TELL_S)

    async def _say_farewell(self) -> None:
        """Postgres if it is quick, the disk otherwise."""
        if self._straggler is not None:
            await asyncio.wait({self._straggler}, timeout=self._patience_s)
            self._straggler.cancel()
            await asyncio.wait({self._straggler}, timeout=1.0)
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=_DISK_S)
        try:
            async with asyncio.timeout(_FAREWELL_S):
                while self._queue and not self._is_away():
                    rows = list(islice(self._queue, _BATCH))
                    await self._commit(rows)
                    self._drop(len(rows))
                if not self._spool.rows and not self._queue:
                    await self._tables.forget_writer(self._spool.writer)
        except (Unavailable, SpoolTrouble, TimeoutError):
            pass
        if self._queue and await self._to_disk(list(self._queue)):
            self._drop(len(self._queue))
        if self._queue:
            self._log.error("ledger_rows_lost", rows=len(self._queue), reason=self._disk_trouble)

    async def _on_disk(self, work: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(_DISK_S * 4):
                return await work
        except TimeoutError:
            raise SpoolTrouble("the disk hangs") from None

    def _drop(self, count: int) -> None:
        for _ in range(count):
            self._queue.popleft()
        self._safe += count
        for target, waiter in self._waiters:
            if target <= self._safe and not waiter.done():
                waiter.set_result(None)
        self._waiters = [each for each in self._waiters if not each[1].done()]

    def _is_away(self) -> bool:
        return asyncio.get_running_loop().time() < self._away_until_s

    def _note_trouble(self, trouble: Exception) -> None:
        if not self._pause_s:
            reason = str(trouble) if isinstance(trouble, Unavailable) else type(trouble).__name__
            self._log.warning("ledger_delayed", reason=reason)
        self._pause_s = min(_LONGEST_PAUSE_S, max(0.25, self._pause_s * 2))
        self._away_until_s = asyncio.get_running_loop().time() + self._pause_s

    def _note_success(self) -> None:
        if self._pause_s:
            self._log.warning("ledger_reached_again", waiting=self.unwritten)
        self._pause_s = 0.0
        self._away_until_s = 0.0
