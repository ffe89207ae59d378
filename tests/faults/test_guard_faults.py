"""Whatever goes wrong while text is held: what was not judged never reaches the client, and nothing ends cleanly."""

import threading
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.provider import Turn
from tests.e2e.rig import Rig, chat, make_rig
from tests.e2e.test_guard_streams import GUARD, PROSE, events, said
from tests.guard_world import CANARY


@pytest.fixture
def watched() -> Iterator[Rig]:
    yield from make_rig(changes={"guard": GUARD})


async def leak(turn: Turn, gate: threading.Event) -> None:
    """Much that is harmless, some of which is let go; then the canary, at once with as much again."""
    await turn.open_stream()
    for each in events("content", *[PROSE] * 40)[:-3]:
        await turn.chunk(each)
    await turn.until(gate)
    await turn.chunk(b"".join(events("content", CANARY, *[PROSE] * 40)[:-3]))
    await turn.until_gone()


@pytest.mark.parametrize("fault", ["return-late", "raise-late", "kill-late"])
async def test_a_worker_that_fails_while_it_holds_text_lets_none_of_it_go(watched: Rig, fault: str) -> None:
    gate = threading.Event()
    watched.provider.scripts["leak"] = lambda turn: leak(turn, gate)
    got = bytearray()

    async def read(response: httpx.Response) -> None:
        async for data in response.aiter_raw():
            got.extend(data)
            gate.set()

    async with watched.client() as client:
        body = chat(model=f"fault-{fault}", stream=True, x_script="leak")
        async with client.stream("POST", "/v1/chat/completions", json=body) as response:
            with pytest.raises(httpx.RemoteProtocolError):
                await read(response)
    assert PROSE in said(bytes(got))
    assert CANARY[:6] not in said(bytes(got))
    assert b"[DONE]" not in got
