"""One process from its start to its end. ``test_supervisor`` has what is done about it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from extproc.local.child import Child
from extproc.local.part import Part
from extproc.local.problems import CannotStart
from tests.servers import eventually
from tests.unit.local.tiny import DOOMED, PARENT, READY, STUBBORN, part

NEVER_READY = "import time; time.sleep(600)"


@asynccontextmanager
async def started(what: Part, log_dir: Path) -> AsyncIterator[Child]:
    await what.prepare()
    child = await Child.start(what, log_dir)
    try:
        yield child
    finally:
        await child.stop()


async def test_what_it_says_goes_to_a_private_log_that_grows_over_restarts(tmp_path: Path) -> None:
    for _ in range(2):
        async with started(part("one", tmp_path, DOOMED), tmp_path) as child:
            await child.wait_end()
    log = tmp_path / "one.log"
    assert log.read_text() == "no room at the inn\n" * 2
    assert log.stat().st_mode & 0o077 == 0


async def test_it_is_in_a_session_of_its_own_so_that_ctrl_c_does_not_reach_it(tmp_path: Path) -> None:
    async with started(part("one", tmp_path), tmp_path) as child:
        assert os.getsid(child.identity.pid) == child.identity.pid
        assert os.getsid(child.identity.pid) != os.getsid(0)


async def test_it_has_the_parts_environment_over_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_GATEWAYS_TEST", "ours")
    monkeypatch.setenv("ANOTHER", "ours")
    what = replace(part("one", tmp_path), environment={"A_GATEWAYS_TEST": "the part's", "EXTPROC_RUN_DIR": "/x"})
    async with started(what, tmp_path) as child:
        await child.wait_ready()
        environment = psutil.Process(child.identity.pid).environ()
    assert environment["A_GATEWAYS_TEST"] == "the part's"
    assert environment["ANOTHER"] == "ours"
    assert environment["EXTPROC_RUN_DIR"] == "/x"


async def test_a_program_that_is_not_there_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"one (ended|did not start)"):
        async with started(replace(part("one", tmp_path), command=("/nowhere/one",)), tmp_path) as child:
            await child.wait_ready()
    assert "No such file" in (tmp_path / "one.log").read_text()


async def test_one_that_says_nothing_before_its_end_is_quoted_as_such(tmp_path: Path) -> None:
    async with started(part("one", tmp_path, "raise SystemExit(3)"), tmp_path) as child:
        with pytest.raises(CannotStart) as told:
            await child.wait_ready()
    log = tmp_path / "one.log"
    assert str(told.value) == f"one ended with exit code 3: it said nothing (more in {log})"


async def test_how_it_ended_is_said_in_words(tmp_path: Path) -> None:
    async with started(part("one", tmp_path), tmp_path) as child:
        assert child.describe_end() == "runs"
        child.identity.signal(signal.SIGKILL)
        await child.wait_end()
        assert child.describe_end() == "was ended by SIGKILL"


async def test_it_is_asked_with_its_own_signal_before_it_is_killed(tmp_path: Path) -> None:
    program = f"import signal, sys; signal.signal(signal.SIGINT, lambda *_: sys.exit(42)); {READY}"
    what = replace(part("one", tmp_path, program), stop_signal=signal.SIGINT)
    async with started(what, tmp_path) as child:
        await child.wait_ready()
        await child.stop()
        assert child.describe_end() == "ended with exit code 42"
    async with started(part("two", tmp_path, STUBBORN, stop_deadline_s=0.1), tmp_path) as child:
        await child.wait_ready()
        await child.stop()
        assert child.describe_end() == "was ended by SIGKILL"


async def test_stopping_one_that_already_ended_still_ends_what_it_left_behind(tmp_path: Path) -> None:
    async with started(part("one", tmp_path, PARENT), tmp_path) as child:
        await child.wait_ready()
        family = child.identity.descendants()
        assert len(family) == 1
        await child.stop()
        assert not any(each.is_alive() for each in family)
        await child.stop()


async def test_waiting_for_readiness_is_bounded_and_leaves_no_task(tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    slow = part("one", tmp_path, NEVER_READY, start_deadline_s=0.1)
    async with started(slow, tmp_path) as child:
        with pytest.raises(CannotStart, match="was not ready after 0 s"):
            await child.wait_ready()
        await eventually(lambda: asyncio.all_tasks() == before, "the end of the wait")
