"""Large texts are counted beside the loop, in bounded time, and never at less than they may have."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from extproc.exchange import counting
from extproc.exchange.counting import LARGE_BYTES, Counting
from extproc.model.catalog import Operation
from extproc.model.chat import ModelRequest
from extproc.policy.estimate import Ask, estimate_ask, read_ask
from extproc.policy.tokens import Family, Text, load_tables
from tests.servers import eventually
from tests.unit.policy.groups import deployment

CLAUDE = deployment("claude", dialect="anthropic")
GPT = deployment("gpt", upstream_model="gpt-5")
PLANS = [(CLAUDE,), (GPT,), (GPT, CLAUDE)]


def ask_of(size_bytes: int) -> Ask:
    text = ("It is a truth universally acknowledged. " * (size_bytes // 40 + 1))[:size_bytes]
    payload = {"messages": [{"role": "user", "content": text}], "max_tokens": 10}
    return read_ask(ModelRequest(Operation.CHAT, "m", is_stream=False, wants_usage=False, payload=payload))


@pytest.fixture
def desk() -> Iterator[Counting]:
    made = Counting(limit_s=60.0)
    yield made
    made.close()


@dataclass(frozen=True, slots=True)
class Told(Text):
    """A text that says which thread counted it, and waits to be let go."""

    threads: list[str] = field(default_factory=list)
    may_end: threading.Event = field(default_factory=threading.Event)

    def tokens(self, family: Family) -> int:
        if not self.is_counted:
            return Text.tokens(self, family)
        self.threads.append(threading.current_thread().name)
        assert self.may_end.wait(60)
        return 7


def told(size_bytes: int, *, is_free: bool = False) -> tuple[Ask, Told]:
    ask = ask_of(size_bytes)
    text = Told(ask.text.data, ask.text.size_bytes)
    if is_free:
        text.may_end.set()
    return Ask(text, ask.media, ask.messages, ask.tools, ask.tokens, ask.choices, ask.most_output), text


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("size", [100, LARGE_BYTES, LARGE_BYTES * 4])
async def test_wherever_it_is_counted_it_is_the_same(desk: Counting, size: int, plan: tuple[object, ...]) -> None:
    expected = estimate_ask(ask_of(size), Operation.CHAT, plan)  # type: ignore[arg-type]
    assert await desk.estimate(ask_of(size), Operation.CHAT, plan) == expected  # type: ignore[arg-type]
    assert desk.by_size == 0


async def test_a_small_text_is_counted_at_once_and_a_large_one_by_the_thread(desk: Counting) -> None:
    for size, name in ((LARGE_BYTES // 2, threading.current_thread().name), (LARGE_BYTES * 2, "tokens")):
        ask, text = told(size, is_free=True)
        await desk.estimate(ask, Operation.CHAT, (CLAUDE,))
        assert text.threads[0].startswith(name)


async def test_a_table_that_is_not_loaded_is_not_waited_for_on_the_loop(desk: Counting) -> None:
    ask, text = told(100, is_free=True)
    load_tables([Family.O200K])
    loaded = set(counting_tables())
    counting_tables().discard(Family.O200K)
    try:
        await desk.estimate(ask, Operation.CHAT, (GPT,))
    finally:
        counting_tables().update(loaded)
    assert text.threads[0].startswith("tokens")


def counting_tables() -> set[Family]:
    from extproc.policy import tokens  # noqa: PLC0415 - its private memory

    return tokens._LOADED


async def test_the_loop_goes_on_while_a_large_text_is_counted(desk: Counting) -> None:
    ask, text = told(LARGE_BYTES * 2)
    counted = asyncio.create_task(desk.estimate(ask, Operation.CHAT, (CLAUDE,)))
    await eventually(lambda: bool(text.threads), "the thread", 30)
    assert not counted.done()
    text.may_end.set()
    assert (await counted).input_tokens > 7


async def test_who_waits_too_long_is_held_at_the_size() -> None:
    desk = Counting(limit_s=0.05)
    ask, text = told(LARGE_BYTES * 2)
    try:
        found = await desk.estimate(ask, Operation.CHAT, (CLAUDE,))
        assert desk.by_size == 1
        assert LARGE_BYTES * 2 < found.input_tokens < LARGE_BYTES * 2.1
    finally:
        text.may_end.set()
        desk.close()


async def test_who_finds_too_many_waiting_is_held_at_the_size_and_the_next_one_counted() -> None:
    desk = Counting(limit_s=60.0, most_waiting=1)
    ask, text = told(LARGE_BYTES * 2)
    try:
        first = asyncio.create_task(desk.estimate(ask, Operation.CHAT, (CLAUDE,)))
        await eventually(lambda: bool(text.threads), "the thread", 30)
        assert (await desk.estimate(ask_of(LARGE_BYTES * 2), Operation.CHAT, (CLAUDE,))).input_tokens > LARGE_BYTES * 2
        text.may_end.set()
        await first
        await eventually(lambda: desk._waiting == 0, "its place", 30)
        assert (await desk.estimate(ask_of(LARGE_BYTES * 2), Operation.CHAT, (CLAUDE,))).input_tokens < LARGE_BYTES
        assert desk.by_size == 1
    finally:
        text.may_end.set()
        desk.close()


async def test_a_caller_that_goes_away_leaves_its_place() -> None:
    desk = Counting(limit_s=60.0)
    ask, text = told(LARGE_BYTES * 2)
    try:
        gone = [asyncio.create_task(desk.estimate(ask, Operation.CHAT, (CLAUDE,))) for _ in range(3)]
        await eventually(lambda: bool(text.threads), "the thread", 30)
        for each in gone:
            each.cancel()
        await asyncio.wait(gone)
        text.may_end.set()
        await eventually(lambda: desk._waiting == 0, "their places", 30)
        assert len(text.threads) == 1
    finally:
        text.may_end.set()
        desk.close()


def test_the_limits_are_what_the_documentation_says() -> None:
    assert (counting.LARGE_BYTES, counting.LIMIT_S, counting.MOST_WAITING) == (65_536, 1.0, 16)
