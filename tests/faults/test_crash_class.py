"""The faults that crash Envoy 1.40, or cut its streams, without the three mandatory settings of its configuration.

Small mocks never show this class: it takes an answer of megabytes, a worker that stands still, or a context of a
megabyte. ``test_without_the_settings`` shows that these tests would notice.
"""

import asyncio
import json
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.provider import ANSWER, Turn, word
from tests.e2e.rig import Rig, chat, make_rig
from tests.servers import eventually

PATIENT = {"connect_s": 20.0, "first_token_s": 150.0, "total_s": 150.0, "idle_s": 150.0}
# One connection carries everything, as it does on the busiest connection of a large host.
ONE_LANE: Any = {
    "timeouts": PATIENT,
    "changes": {"workers": 1, "limits": {"request_timeout_s": 60.0, "admission_timeout_s": 60.0}},
    "concurrency": 1,
}
STALL_S = 4.0
STREAMS = 60
TRIES = 4
EVENTS = 300
MOST_BYTES = 600 * 1024 * 1024
"""A 10 MB answer and 60 stalled streams must not cost more than this of Envoy's memory."""

BIG = json.dumps(
    {**ANSWER, "choices": [{**ANSWER["choices"][0], "message": {"role": "assistant", "content": "x" * 10_000_000}}]}
).encode()


async def big(turn: Turn) -> None:
    await turn.plain(BIG)


async def chatty(turn: Turn) -> None:
    """Chunk after chunk, each a message of its own; a stalled stream piles up more than Envoy's default buffer."""
    await turn.open_stream()
    for _ in range(EVENTS):
        await turn.event(word("abcdefgh" * 800))
        await asyncio.sleep(0.01)  # the pace of a model, so that Envoy cannot read two at once
    await turn.event(b"[DONE]")
    await turn.end()


@pytest.fixture
def patient_rig() -> Iterator[Rig]:
    yield from make_rig(**ONE_LANE)


def prepare(rig: Rig) -> None:
    rig.provider.scripts.update({"big": big, "chatty": chatty})


async def stall(rig: Rig, is_underway: Any) -> None:
    """Stop every worker in its tracks for a while, once the traffic is underway."""
    await eventually(is_underway, "traffic")
    for worker in rig.workers.values():
        worker.send_signal(signal.SIGSTOP)
    await asyncio.sleep(STALL_S)  # the fault itself, not a wait for something
    for worker in rig.workers.values():
        worker.send_signal(signal.SIGCONT)


async def get_big(rig: Rig) -> bytes:
    async with rig.client(headers={"x-test-padding": "0"}) as client:
        response = await client.post("/v1/chat/completions", json=chat(x_script="big"), timeout=150)
        return response.content


async def get_stream(client: httpx.AsyncClient) -> bytes:
    response = await client.post("/v1/chat/completions", json=chat(stream=True, x_script="chatty"), timeout=150)
    return response.content


async def test_ten_megabytes_pass_a_worker_that_stands_still(patient_rig: Rig) -> None:
    rig = patient_rig
    prepare(rig)
    answers = [asyncio.create_task(get_big(rig)) for _ in range(4)]
    await stall(rig, lambda: len(rig.provider.got("big")) == 4)
    for answer in await asyncio.gather(*answers):
        assert answer == BIG
    rig.check_alive()
    assert rig.envoy_bytes() < MOST_BYTES


async def test_sixty_streams_survive_a_worker_that_stands_still(patient_rig: Rig) -> None:
    rig = patient_rig
    prepare(rig)
    limits = httpx.Limits(max_connections=STREAMS)
    async with rig.client(limits=limits) as client:
        streams = [asyncio.create_task(get_stream(client)) for _ in range(STREAMS)]
        await stall(rig, lambda: len(rig.provider.got("chatty")) == STREAMS)
        for stream in await asyncio.gather(*streams):
            assert stream.count(b"data: {") == EVENTS
            assert stream.endswith(b"data: [DONE]\n\n")
    rig.check_alive()
    assert rig.envoy_bytes() < MOST_BYTES


async def test_a_megabyte_of_plan_metadata_is_carried(patient_rig: Rig) -> None:
    async with patient_rig.client(headers={"x-test-padding": "1000000"}) as client:
        responses = await asyncio.gather(*(client.post("/v1/chat/completions", json=chat()) for _ in range(20)))
    assert {response.status_code for response in responses} == {200}
    patient_rig.check_alive()


def without_the_settings(files: dict[str, Any]) -> None:
    """What Envoy does by itself."""
    files["bootstrap.json"]["layered_runtime"]["layers"][0]["static_layer"] = {}
    for cluster in files["cds.json"]["resources"]:
        if cluster["name"].startswith("extproc"):
            del cluster["per_connection_buffer_limit_bytes"]
            for options in cluster["typed_extension_protocol_options"].values():
                options["explicit_http_config"]["http2_protocol_options"].pop("max_outbound_frames")


@pytest.mark.parametrize(
    "fault",
    [
        test_ten_megabytes_pass_a_worker_that_stands_still,
        test_sixty_streams_survive_a_worker_that_stands_still,
        test_a_megabyte_of_plan_metadata_is_carried,
    ],
    ids=["ten-megabytes", "sixty-streams", "metadata"],
)
async def test_without_the_settings_the_same_fault_breaks_envoy(fault: Any) -> None:
    # A race inside Envoy: it is asked for more than once.
    for _ in range(TRIES):
        for rig in make_rig(**ONE_LANE, edit=without_the_settings):
            try:
                await fault(rig)
            except (AssertionError, httpx.TransportError):
                return
    raise AssertionError(f"{TRIES} times unharmed")
