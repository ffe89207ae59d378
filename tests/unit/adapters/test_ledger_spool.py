"""Rows on the local disk: whole or not there, bounded, and never lost with the process that wrote them."""

import os
import random
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extproc.adapters.ledger_spool import LedgerSpool, SpoolTrouble
from extproc.model.ledger import LedgerRow
from tests.contracts.test_ledger import row


def some(count: int, start: int = 0) -> list[LedgerRow]:
    return [row(f"x{index}", amount=index) for index in range(start, start + count)]


def drain(spool: LedgerSpool) -> list[str]:
    found = []
    while (segment := spool.take()) is not None:
        contents = spool.read(segment)
        found += [each.exchange for each in contents.rows]
        spool.done(segment, is_damaged=contents.damaged > 0)
    return found


def names(rows: list[LedgerRow]) -> list[str]:
    return [each.exchange for each in rows]


def files(directory: Path, kind: str) -> list[Path]:
    return sorted(directory.glob(f"*.{kind}"))


def test_rows_are_read_in_the_order_they_were_written_and_then_gone(tmp_path: Path) -> None:
    spool = LedgerSpool(tmp_path)
    spool.write(some(3))
    spool.write(some(2, 3))
    assert (spool.rows, spool.size_bytes > 0) == (5, True)
    assert drain(spool) == names(some(5))
    assert (spool.rows, spool.size_bytes, files(tmp_path, "rows")) == (0, 0, [])
    spool.write(some(1, 9))
    assert drain(spool) == ["x9"]
    spool.close()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_large_is_followed_by_another_and_the_same_is_taken_until_it_is_done(tmp_path: Path) -> None:
    spool = LedgerSpool(tmp_path, segment_bytes=2000)
    for index in range(9):
        spool.write(some(1, index))
    assert len(files(tmp_path, "rows")) >= 3
    assert spool.take() is spool.take()
    assert drain(spool) == names(some(9))
    spool.close()


def test_the_bound_holds_and_is_told_of_before(tmp_path: Path) -> None:
    spool = LedgerSpool(tmp_path, most_bytes=10_000)
    index = 0
    while not spool.is_nearly_full:
        spool.write(some(1, index))
        index += 1
    assert index > 5
    with pytest.raises(SpoolTrouble, match="bound"):
        spool.write(some(5, index))
    assert sum(path.stat().st_size for path in files(tmp_path, "rows")) <= 10_000
    held = spool.rows
    assert drain(spool) == names(some(held))
    assert not spool.is_nearly_full
    spool.close()


def test_a_disk_that_is_full_loses_nothing_that_was_there_and_leaves_no_half_row(tmp_path: Path) -> None:
    spool = LedgerSpool(tmp_path)
    spool.write(some(2))
    limit, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = files(tmp_path, "rows")[0].stat().st_size
    # A file-size limit stands in for a full disk: the kernel writes what fits and then refuses.
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 300, hard))
    try:
        with pytest.raises(SpoolTrouble):
            spool.write(some(2, 2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert files(tmp_path, "rows")[0].stat().st_size == size
    spool.write(some(2, 2))
    assert drain(spool) == names(some(4))
    spool.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(1, 2000))
def test_a_file_cut_anywhere_gives_every_whole_row_before_the_cut_and_nothing_else(tmp_path: Path, cut: int) -> None:
    directory = tmp_path / f"d{cut}"
    spool = LedgerSpool(directory)
    spool.write(some(3))
    (path,) = files(directory, "rows")
    data = path.read_bytes()
    path.write_bytes(data[: max(0, len(data) - cut)])
    whole = path.read_bytes().count(b"\n")
    segment = spool.take()
    assert segment is not None
    contents = spool.read(segment)
    # A line that lacks only its end of line is whole: its checksum says so.
    assert names(contents.rows) in (names(some(whole)), names(some(whole + 1)))
    assert contents.damaged == 0
    spool.close()
    for left in directory.iterdir():
        left.unlink()
    directory.rmdir()


def test_a_line_that_rots_is_told_of_and_kept_for_a_person(tmp_path: Path) -> None:
    spool = LedgerSpool(tmp_path)
    spool.write(some(3))
    (path,) = files(tmp_path, "rows")
    lines = path.read_bytes().split(b"\n")
    lines[1] = lines[1].replace(b"acme", b"acne")
    path.write_bytes(b"\n".join(lines))
    segment = spool.take()
    assert segment is not None
    contents = spool.read(segment)
    assert (names(contents.rows), contents.damaged) == (["x0", "x2"], 1)
    spool.done(segment, is_damaged=True)
    assert files(tmp_path, "rows") == []
    assert len(files(tmp_path, "damaged")) == 1
    spool.close()


def test_zeros_behind_the_last_row_are_what_a_crash_leaves(tmp_path: Path) -> None:
    spool = LedgerSpool(tmp_path)
    spool.write(some(2))
    (path,) = files(tmp_path, "rows")
    path.write_bytes(path.read_bytes() + bytes(500))
    segment = spool.take()
    assert segment is not None
    contents = spool.read(segment)
    assert (names(contents.rows), contents.damaged, contents.is_torn) == (["x0", "x1"], 0, True)
    spool.close()


def test_what_a_dead_writer_left_is_adopted_once_and_a_living_ones_is_left_alone(tmp_path: Path) -> None:
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from extproc.adapters.ledger_spool import LedgerSpool\n"
        "from tests.unit.adapters.test_ledger_spool import some\n"
        "spool = LedgerSpool(Path(sys.argv[1]))\n"
        "spool.write(some(4))\n"
        "print(spool.writer, flush=True)\n"
        "sys.stdin.read()\n"
        "os.kill(os.getpid(), 9)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert child.stdout is not None
    assert child.stdin is not None
    writer = child.stdout.readline().decode().strip()
    spools = [LedgerSpool(tmp_path), LedgerSpool(tmp_path)]
    random.shuffle(spools)
    first, second = spools
    assert first.adopt() == ()
    assert first.take() is None
    child.communicate(timeout=30)
    assert first.adopt() == second.adopt() == ()
    assert (first.rows, second.take()) == (4, None)
    segment = first.take()
    assert segment is not None
    assert names(first.read(segment).rows) == names(some(4))
    assert first.done(segment) == writer
    first.close()
    second.close()
    assert list(tmp_path.iterdir()) == []


def test_a_writer_that_closes_leaves_its_rows_to_the_next(tmp_path: Path) -> None:
    spool = LedgerSpool(tmp_path)
    spool.write(some(2))
    spool.close()
    heir = LedgerSpool(tmp_path)
    heir.adopt()
    assert drain(heir) == ["x0", "x1"]
    heir.close()


def test_a_dead_writer_without_rows_is_told_to_be_gone(tmp_path: Path) -> None:
    (tmp_path / "host-1-abcdef01.lock").touch()
    spool = LedgerSpool(tmp_path)
    assert spool.adopt() == ("host-1-abcdef01",)
    spool.close()
    assert list(tmp_path.iterdir()) == []


def test_a_row_that_nobody_takes_is_kept_for_a_person(tmp_path: Path) -> None:
    spool = LedgerSpool(tmp_path)
    spool.set_aside(row("odd"))
    assert b'"odd"' in files(tmp_path, "refused")[0].read_bytes()
    spool.close()


def test_a_directory_that_cannot_be_made_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SpoolTrouble):
        LedgerSpool(tmp_path / "file" / "below")
