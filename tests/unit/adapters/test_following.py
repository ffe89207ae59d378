"""Following what gets lost: again and again, one log line for each outage."""

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from extproc.adapters.following import follow_for_ever, ring
from extproc.model.refusals import Unavailable


async def test_what_is_lost_is_followed_again_and_each_outage_is_two_lines() -> None:
    # well, lost thrice, well, lost once, well for good
    script = iter([True, False, False, True, False, True])
    done = asyncio.Event()

    async def follow(came_back: Callable[[], None]) -> None:
        is_well = next(script, None)
        if is_well is None:
            done.set()
            await asyncio.Event().wait()
        if is_well:
            came_back()
        raise Unavailable("redis", "scripted")

    with capture_logs() as lines:
        task = asyncio.ensure_future(follow_for_ever("keys", "redis", follow, 0.001))
        async with asyncio.timeout(60):
            await done.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    said = [(line["event"], line["dependency"]) for line in lines]
    assert said == [("keys_not_following", "redis"), ("keys_following_again", "redis")] * 2 + [
        ("keys_not_following", "redis")
    ]
    assert lines[0]["reason"] == "scripted"


async def test_the_pauses_grow_up_to_the_longest() -> None:
    moments: list[float] = []
    enough = asyncio.Event()

    async def follow(_: Callable[[], None]) -> None:
        moments.append(asyncio.get_running_loop().time())
        if len(moments) == 5:
            enough.set()
        raise Unavailable("redis", "scripted")

    task = asyncio.ensure_future(follow_for_ever("keys", "redis", follow, 0.02))
    async with asyncio.timeout(60):
        await enough.wait()
    task.cancel()
    pauses = [after - before for before, after in pairwise(moments)]
    assert all(pause >= 0.009 for pause in pauses)
    assert min(pauses) < 0.1


async def test_a_bug_is_not_an_outage() -> None:
    async def follow(_: Callable[[], None]) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await follow_for_ever("keys", "redis", follow, 0.001)


async def test_a_bell_ends_the_wait_and_so_does_its_limit() -> None:
    bell = asyncio.Event()
    await ring(bell, 0.001)
    bell.set()
    async with asyncio.timeout(60):
        await ring(bell, 3600)
