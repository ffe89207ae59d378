"""Workers that die or are replaced under load: nothing unchecked passes, and only what must break does."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.provider import ANSWER, Turn, word
from tests.e2e.rig import Rig, chat, make_rig
from tests.servers import eventually, wait_until

STREAMS = 200


PATIENT = {"connect_s": 1.0, "first_token_s": 30.0, "total_s": 30.0, "idle_s": 30.0}


@pytest.fixture
def patient_rig() -> Iterator[Rig]:
    yield from make_rig(timeouts=PATIENT)


class Gated:
    """Streams that say one word, wait for the gate, and end."""

    def __init__(self, rig: Rig) -> None:
        self.gate = threading.Event()
        self.open = 0
        rig.provider.scripts["gated"] = self.play

    async def play(self, turn: Turn) -> None:
        await turn.open_stream()
        await turn.event(word("first"))
        self.open += 1
        await turn.until(self.gate)
        await turn.event(word("last"))
        await turn.event(b"[DONE]")
        await turn.end()


async def read_stream(client: httpx.AsyncClient, seen: Counter[str]) -> str:
    """``whole``, ``broken`` (visibly), or what went wrong."""
    got = b""
    try:
        async with client.stream("POST", "/v1/chat/completions", json=chat(stream=True, x_script="gated")) as response:
            assert response.status_code == 200
            async for data in response.aiter_bytes():
                got += data
                if b"first" in got:
                    seen["first"] += b"first" in data
    except httpx.TransportError:
        return "broken" if b"[DONE]" not in got else "broken after its end"
    return "whole" if got.endswith(b"data: [DONE]\n\n") and b"last" in got else f"short: {got!r}"


def many(rig: Rig) -> httpx.AsyncClient:
    return rig.client(limits=httpx.Limits(max_connections=STREAMS + 50))


async def test_a_worker_killed_under_200_streams_breaks_only_its_own(patient_rig: Rig) -> None:
    rig = patient_rig
    gated, seen = Gated(rig), Counter[str]()
    async with many(rig) as client:
        streams = [asyncio.create_task(read_stream(client, seen)) for _ in range(STREAMS)]
        await eventually(lambda: seen["first"] == STREAMS, "200 streams", 60)
        rig.workers[0].kill()
        await eventually(lambda: any(stream.done() for stream in streams), "the break")
        # Nobody may slip through while one of the two workers is gone.
        without_key = await asyncio.gather(
            *(
                client.post("/v1/chat/completions", json=chat(), headers={"authorization": "Bearer x"})
                for _ in range(40)
            )
        )
        with_key = await asyncio.gather(*(client.post("/v1/chat/completions", json=chat()) for _ in range(40)))
        gated.gate.set()
        ends = Counter(await asyncio.gather(*streams))
    assert {response.status_code for response in without_key} == {401}
    assert {response.status_code for response in with_key} == {200}
    assert set(ends) == {"whole", "broken"}, ends
    assert ends["whole"] + ends["broken"] == STREAMS
    # Streams are dealt in turn: about half were the killed worker's.
    assert STREAMS * 0.3 < ends["broken"] < STREAMS * 0.7


async def test_a_killed_worker_comes_back_and_is_used_again(patient_rig: Rig) -> None:
    rig = patient_rig
    rig.workers[0].kill()
    rig.workers[0].wait()
    wait_until(lambda: rig.stat("cluster[.]extproc[.]membership_healthy") == 1, "the dead worker leaving")
    # As a supervisor does: what the killed worker left behind is not in the way.
    rig.start_worker(0)
    wait_until(lambda: rig.stat("cluster[.]extproc[.]membership_healthy") == 2, "the new worker joining")
    async with rig.client() as client:
        responses = await asyncio.gather(*(client.post("/v1/chat/completions", json=chat()) for _ in range(20)))
    assert {response.status_code for response in responses} == {200}


async def test_a_rolling_restart_under_load_loses_nothing(patient_rig: Rig) -> None:
    rig = patient_rig
    gated, seen = Gated(rig), Counter[str]()
    statuses: Counter[object] = Counter()
    is_over = asyncio.Event()

    async def load(client: httpx.AsyncClient) -> None:
        while not is_over.is_set():
            try:
                good = await client.post("/v1/chat/completions", json=chat())
                bad = await client.post("/v1/chat/completions", json=chat(), headers={"authorization": "Bearer x"})
            except httpx.TransportError as error:
                statuses[type(error).__name__] += 1
            else:
                statuses[good.status_code, good.json() == ANSWER] += 1
                statuses[bad.status_code, "without key"] += 1

    async with many(rig) as client:
        # These are open when the roll begins and end within the drain.
        streams = [asyncio.create_task(read_stream(client, seen)) for _ in range(40)]
        await eventually(lambda: seen["first"] == 40, "the streams", 30)
        loads = [asyncio.create_task(load(client)) for _ in range(8)]
        for index in rig.workers:
            await roll(rig, index)
        gated.gate.set()
        ends = Counter(await asyncio.gather(*streams))
        is_over.set()
        await asyncio.gather(*loads)
    assert ends == {"whole": 40}
    assert set(statuses) == {(200, True), (401, "without key")}, statuses
    assert statuses[200, True] > 20


async def roll(rig: Rig, index: int) -> None:
    """What the fleet does: the successor takes the socket over, then the old worker drains."""
    old, inode = rig.workers[index], rig.socket(index).stat().st_ino
    rig.start_worker(index)
    await eventually(lambda: rig.socket(index).stat().st_ino != inode, "the new worker's socket")
    old.terminate()
    rig.retired.append(old)


@pytest.fixture
def hasty_rig() -> Iterator[Rig]:
    yield from make_rig(changes={"limits": {"drain_timeout_s": 1.0}}, timeouts={**PATIENT, "idle_s": 1.5})


async def test_a_stream_longer_than_the_drain_breaks_visibly(hasty_rig: Rig) -> None:
    rig = hasty_rig
    rig.provider.scripts["gated"] = talk_on
    seen = Counter[str]()
    async with rig.client() as client:
        streams = [asyncio.create_task(read_stream(client, seen)) for _ in range(4)]
        await eventually(lambda: seen["first"] >= 4, "the streams")
        for worker in rig.workers.values():
            worker.terminate()
        assert set(await asyncio.gather(*streams)) == {"broken"}


async def talk_on(turn: Turn) -> None:
    await turn.open_stream()
    while not turn.is_gone.is_set():
        await turn.event(word("first"))
        await asyncio.sleep(0.1)


async def test_a_client_that_leaves_stops_the_provider_and_counts_as_abandoned(patient_rig: Rig) -> None:
    rig = patient_rig
    is_cancelled = threading.Event()

    async def endless(turn: Turn) -> None:
        await turn.open_stream()
        await turn.event(word("first"))
        await turn.until_gone()
        is_cancelled.set()

    rig.provider.scripts["endless"] = endless
    body = chat(stream=True, x_script="endless")
    async with rig.client() as client, client.stream("POST", "/v1/chat/completions", json=body) as response:
        async for _ in response.aiter_bytes():
            break
        identity = response.headers["x-request-id"]
    await eventually(is_cancelled.is_set, "the provider's cancel")
    assert rig.exchange(identity)["outcome"] == "abandoned"
    (delivery,) = [each for each in rig.journal("delivery") if each["context"]["id"] == identity]
    assert delivery["is_complete"] is False


async def test_a_client_that_leaves_before_the_first_byte_counts_as_abandoned(patient_rig: Rig) -> None:
    rig = patient_rig
    is_cancelled = threading.Event()

    async def silent(turn: Turn) -> None:
        await turn.until_gone()
        is_cancelled.set()

    rig.provider.scripts["silent"] = silent
    async with rig.client() as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/v1/chat/completions", json=chat(x_script="silent"), timeout=0.5)
    await eventually(is_cancelled.is_set, "the provider's cancel")
    (request,) = rig.provider.got("silent")
    assert rig.exchange(request.header("x-request-id") or "")["outcome"] == "abandoned"


async def read_until_broken(rig: Rig, script: str, first: threading.Event | None = None) -> tuple[bytes, str]:
    """What a client got of a stream that breaks, and the exchange's id. Fails when the stream ends as if whole.

    ``first`` is set once something has arrived: from then on only a break is possible.
    """
    got, identity = b"", ""
    try:
        async with rig.client() as client:
            body = chat(stream=True, x_script=script)
            async with client.stream("POST", "/v1/chat/completions", json=body) as response:
                identity = response.headers["x-request-id"]
                async for data in response.aiter_bytes():
                    got += data
                    if first is not None:
                        first.set()
    except httpx.TransportError:
        return got, identity
    raise AssertionError(f"the stream ended as if it were whole: {got!r}")


async def test_a_provider_that_cuts_its_stream_is_a_failure_and_visibly_broken(patient_rig: Rig) -> None:
    rig = patient_rig
    gate = threading.Event()

    async def cut(turn: Turn) -> None:
        await turn.open_stream()
        await turn.event(word("first"))
        await turn.until(gate)
        turn.reset()

    rig.provider.scripts["cut"] = cut
    got, identity = await read_until_broken(rig, "cut", gate)
    assert b"[DONE]" not in got
    record = rig.exchange(identity)
    assert record["outcome"] == "failed"
    assert record["context"]["key"] == "key_e2e"


async def test_a_provider_that_falls_silent_is_cut_after_an_error_event(hasty_rig: Rig) -> None:
    rig = hasty_rig
    is_cancelled = threading.Event()

    async def stuck(turn: Turn) -> None:
        await turn.open_stream()
        await turn.event(word("first"))
        await turn.until_gone()
        is_cancelled.set()

    rig.provider.scripts["stuck"] = stuck
    got, _ = await read_until_broken(rig, "stuck")
    assert b"first" in got
    assert b"upstream_timeout" in got
    await eventually(is_cancelled.is_set, "the provider's cancel")
