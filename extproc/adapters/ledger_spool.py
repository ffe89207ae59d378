"""Rows of the ledger on the local disk, while Postgres is away: nothing that was written here is lost by a crash.

    <writer>.lock           held by flock for as long as the writer lives; one that can be locked is of a dead writer
    <writer>.<number>.rows  a line for each row: CRC-32 of the JSON, a space, the JSON; whole once ``write`` returns
    <writer>.refused        rows that Postgres will never take, for a person to look at
    *.damaged               files in which lines before the end could not be read, for the same person

A last line that is torn was never acknowledged, and is left out. Everything here blocks: call it in a thread.
``postgres_ledger`` writes and replays; it may replay a file twice, which a merge does not mind.
"""

import contextlib
import fcntl
import json
import os
import re
import socket
import threading
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from extproc.adapters.ledger_rows import read_row, write_row
from extproc.model.ledger import LedgerRow

_LOCK, _ROWS, _REFUSED, _DAMAGED = ".lock", ".rows", ".refused", ".damaged"
_NEARLY = 0.9


class SpoolTrouble(Exception):  # noqa: N818 - reads as a claim
    """These rows are not known to be on the disk: it is full, gone or broken, or the bound is reached."""


@dataclass(slots=True)
class Segment:
    """One file of rows."""

    path: Path
    writer: str
    size_bytes: int = 0
    rows: int = 0


@dataclass(slots=True)
class Contents:
    """What a file holds."""

    rows: list[LedgerRow] = field(default_factory=list)
    damaged: int = 0
    """Lines before the last good one that cannot be read."""
    is_torn: bool = False
    """Whether something stands behind the last good line: what a crash left of a write that had not returned."""


class LedgerSpool:
    """The spool of one writer, and whatever dead ones in the same directory left behind."""

    def __init__(self, directory: Path, *, most_bytes: int = 1 << 30, segment_bytes: int = 8 << 20) -> None:
        """``directory`` must outlive a restart of the machine: not on tmpfs.

        Args:
            directory: shared with the other workers of this host; made where it is missing.
            most_bytes: what this writer puts there at most.
            segment_bytes: a file that is larger is followed by another.

        Raises:
            SpoolTrouble: the directory cannot be used.
        """
        self._directory = directory
        self._most_bytes = most_bytes
        self._segment_bytes = segment_bytes
        self._mutex = threading.RLock()
        self._file: int | None = None
        self._current: Segment | None = None
        self._waiting: list[Segment] = []
        self._taken: Segment | None = None
        self._locks: dict[str, int] = {}
        self._number = 0
        # Read by the event loop without the mutex, which is held while a disk takes its time.
        self.size_bytes = 0
        self.rows = 0
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = None
            while lock is None:
                # Somebody who adopts may take a lock file between its making and its locking.
                self.writer = _name()
                lock = self._lock(self.writer, create=True)
            self._sync_directory()
        except OSError as error:
            raise SpoolTrouble(f"{directory}: {error.strerror}") from None
        self._locks[self.writer] = lock

    @property
    def is_nearly_full(self) -> bool:
        """Whether it is time to let nothing new in. Never blocks."""
        return self.size_bytes >= self._most_bytes * _NEARLY

    def write(self, rows: Sequence[LedgerRow]) -> None:
        """Put these on the disk; once it returns they survive whatever happens to process and machine.

        Raises:
            SpoolTrouble: they are not known to be there.
        """
        data = b"".join(_line(row) for row in rows)
        with self._mutex:
            if self.size_bytes + len(data) > self._most_bytes:
                raise SpoolTrouble(f"{self._directory}: its bound of {self._most_bytes} bytes is reached")
            try:
                segment = self._open_segment()
                self._append(data)
                self._sync()
            except OSError as error:
                # After a failed fsync nobody knows what of the file is on the disk: nothing is added to it any more.
                self._give_up_segment()
                raise SpoolTrouble(f"{self._directory}: {error.strerror}") from None
            segment.size_bytes += len(data)
            segment.rows += len(rows)
            self._count(len(data), len(rows))

    def take(self) -> Segment | None:
        """The oldest file, not written to any more; the same one again until it is ``done``. None: nothing waits."""
        with self._mutex:
            if self._taken is None and not self._waiting and self._current is not None and self._current.rows:
                self._close_segment()
            if self._taken is None and self._waiting:
                self._taken = self._waiting.pop(0)
            return self._taken

    def read(self, segment: Segment) -> Contents:
        """What a file holds.

        Raises:
            SpoolTrouble: it cannot be read.
        """
        try:
            return _read(segment.path.read_bytes())
        except OSError as error:
            with self._mutex:
                # The others need not wait for it.
                self._taken = None
                self._waiting.append(segment)
            raise SpoolTrouble(f"{segment.path}: {error.strerror}") from None

    def done(self, segment: Segment, *, is_damaged: bool = False) -> str | None:
        """Remove a file whose rows are in Postgres; a damaged one is only put aside.

        Returns:
            The dead writer of whom it was the last file, if it was.

        Raises:
            SpoolTrouble: it is still there, and is replayed again some day.
        """
        with self._mutex:
            self._taken = None
            self._count(-segment.size_bytes, -segment.rows)
            try:
                if is_damaged:
                    segment.path.rename(segment.path.with_suffix(_DAMAGED))
                else:
                    segment.path.unlink()
            except OSError as error:
                raise SpoolTrouble(f"{segment.path}: {error.strerror}") from None
            return self._release(segment.writer)

    def set_aside(self, row: LedgerRow) -> None:
        """Keep a row that Postgres will never take where a person finds it.

        Raises:
            SpoolTrouble: it is not kept.
        """
        path = self._directory / f"{self.writer}{_REFUSED}"
        try:
            with path.open("ab") as file:
                file.write(_line(row))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise SpoolTrouble(f"{path}: {error.strerror}") from None

    def adopt(self) -> tuple[str, ...]:
        """Take over what dead writers left in the directory; those of whom nothing is left.

        Raises:
            SpoolTrouble: the directory cannot be read.
        """
        gone = []
        try:
            for path in sorted(self._directory.glob(f"*{_LOCK}")):
                writer = path.name.removesuffix(_LOCK)
                with self._mutex:
                    lock = None if writer in self._locks else self._lock(writer, create=False)
                    if lock is None:
                        continue
                    self._locks[writer] = lock
                    try:
                        left = self._left_by(writer)
                    except OSError:
                        os.close(self._locks.pop(writer))
                        raise
                    self._waiting += left
                    self._count(sum(each.size_bytes for each in left), sum(each.rows for each in left))
                    if (finished := self._release(writer)) is not None:
                        gone.append(finished)
        except OSError as error:
            raise SpoolTrouble(f"{self._directory}: {error.strerror}") from None
        return tuple(gone)

    def close(self) -> None:
        """Let go. What still waits here is another writer's from now on."""
        with self._mutex:
            self._close_segment()
            if not any(segment.writer == self.writer for segment in self._segments()):
                (self._directory / f"{self.writer}{_LOCK}").unlink(missing_ok=True)
            for lock in self._locks.values():
                os.close(lock)
            self._locks.clear()

    def _count(self, size_bytes: int, rows: int) -> None:
        self.size_bytes += size_bytes
        self.rows += rows

    def _segments(self) -> list[Segment]:
        with self._mutex:
            return [each for each in (self._taken, *self._waiting, self._current) if each is not None]

    def _open_segment(self) -> Segment:
        if self._current is not None and self._current.size_bytes >= self._segment_bytes:
            self._close_segment()
        if self._current is None:
            self._number += 1
            path = self._directory / f"{self.writer}.{self._number:08d}{_ROWS}"
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
            self._current = Segment(path, self.writer)
            self._sync_directory()
        return self._current

    def _append(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor(), view) :]

    def _sync(self) -> None:
        os.fsync(self._descriptor())

    def _descriptor(self) -> int:
        if self._file is None:
            raise OSError(9, "the file is not open")
        return self._file

    def _give_up_segment(self) -> None:
        if self._current is not None and self._file is not None:
            # Where that fails too, what stands behind the last good line is left out when it is read.
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._current.size_bytes)
            self._close_segment()

    def _close_segment(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if self._current is not None:
            if self._current.rows:
                self._waiting.append(self._current)
            else:
                self._current.path.unlink(missing_ok=True)
            self._current = None

    def _sync_directory(self) -> None:
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _lock(self, writer: str, *, create: bool) -> int | None:
        path = self._directory / f"{writer}{_LOCK}"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o600)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Somebody may have removed it between the two calls: then we hold the lock of nothing.
            if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        except OSError:
            pass
        os.close(descriptor)
        return None

    def _left_by(self, writer: str) -> list[Segment]:
        found = []
        for path in sorted(self._directory.glob(f"{writer}.*{_ROWS}")):
            data = path.read_bytes()
            found.append(Segment(path, writer, len(data), data.count(b"\n")))
        return found

    def _release(self, writer: str) -> str | None:
        """Remove the lock of a dead writer of whom nothing waits any more."""
        if writer == self.writer or any(segment.writer == writer for segment in self._segments()):
            return None
        (self._directory / f"{writer}{_LOCK}").unlink(missing_ok=True)
        os.close(self._locks.pop(writer))
        return writer


def _name() -> str:
    host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:40]
    return f"{host}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def _line(row: LedgerRow) -> bytes:
    text = json.dumps(write_row(row), separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _read(data: bytes) -> Contents:
    found = Contents()
    bad = 0
    for line in data.split(b"\n"):
        row = _parse(line)
        if row is None:
            bad += bool(line)
            continue
        found.rows.append(row)
        found.damaged += bad
        bad = 0
    found.is_torn = bad > 0
    return found


def _parse(line: bytes) -> LedgerRow | None:
    crc, _, text = line.partition(b" ")
    try:
        if int(crc, 16) != zlib.crc32(text):
            return None
        return read_row(json.loads(text))
    except (KeyError, TypeError, ValueError):
        return None
