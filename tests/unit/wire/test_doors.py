"""The servicer without a network: what ends a stream cleanly, and what aborts it."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import grpc
import pytest

from extproc.adapters.memory import MemoryJournal
from extproc.model.seams import CONTEXT_FIELD, DOOR_ADMISSION, DOOR_DELIVERY, DOOR_KEY, NAMESPACE_CONTEXT
from extproc.wire.context_codec import decode_context, encode_context
from extproc.wire.doors import Doors, Limits, _Reading
from extproc.wire.gen.gateway.v1 import ext_proc_pb2 as pb
from tests.unit.exchange.remembered import Remembering
from tests.unit.exchange.test_delivery import ANSWER, context
from tests.unit.exchange.worlds import World, chat


class Aborted(Exception):  # noqa: N818 - what it is
    pass


class FakeContext:
    """A stream that plays a script; it ends, or says nothing more, when the script does."""

    def __init__(self, door: str, script: Sequence[pb.ProcessingRequest], *, falls_silent: bool = False) -> None:
        self._door = door
        self._script = list(script)
        self._falls_silent = falls_silent
        self.sent: list[pb.ProcessingResponse] = []
        self.reads = 0

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return ((DOOR_KEY, self._door),)

    async def read(self) -> object:
        self.reads += 1
        if self._script:
            return self._script.pop(0)
        if self._falls_silent:
            await asyncio.Event().wait()
        return grpc.aio.EOF

    async def write(self, message: pb.ProcessingResponse) -> None:
        self.sent.append(message)

    async def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise Aborted(code, details)


def request_head(world: World, **options: object) -> pb.ProcessingRequest:
    head = world.head(**options)  # type: ignore[arg-type]
    values = [pb.HeaderValue(key=name, raw_value=value.encode()) for name, value in head.headers]
    headers = pb.HttpHeaders(headers=pb.HeaderMap(headers=values), end_of_stream=head.is_end)
    return pb.ProcessingRequest(request_headers=headers)


def request_body() -> pb.ProcessingRequest:
    return pb.ProcessingRequest(request_body=pb.HttpBody(body=chat().data, end_of_stream=True))


def response_head(status: str = "200") -> pb.ProcessingRequest:
    pairs = ((":status", status), ("content-type", "text/event-stream"))
    values = [pb.HeaderValue(key=name, raw_value=value.encode()) for name, value in pairs]
    message = pb.ProcessingRequest(response_headers=pb.HttpHeaders(headers=pb.HeaderMap(headers=values)))
    message.attributes["any"].update({"xds.cluster_name": "deployment.d0"})
    message.metadata_context.filter_metadata[NAMESPACE_CONTEXT].update({CONTEXT_FIELD: encode_context(context())})
    return message


def chunk(data: bytes, *, is_last: bool = False) -> pb.ProcessingRequest:
    return pb.ProcessingRequest(response_body=pb.HttpBody(body=data, end_of_stream=is_last))


JOURNAL = MemoryJournal()
BRIEF = Limits(decide_s=0.05, body_s=0.05, head_s=0.05)


def doors(world: World | None = None, journal: MemoryJournal = JOURNAL, limits: Limits = BRIEF) -> Doors:
    return Doors((world or World()).desk, journal, lambda: "incident", limits)


def kinds(context_: FakeContext) -> list[str | None]:
    return [message.WhichOneof("response") for message in context_.sent]


async def test_a_decided_request_ends_cleanly() -> None:
    world = World()
    line = FakeContext(DOOR_ADMISSION, [request_head(world), request_body()])
    await doors(world).process(None, line)
    assert kinds(line) == ["request_headers", "request_body"]


async def test_a_refused_request_ends_cleanly() -> None:
    world = World()
    line = FakeContext(DOOR_ADMISSION, [request_head(world, headers={"authorization": None})])
    await doors(world).process(None, line)
    assert kinds(line) == ["immediate_response"]


@pytest.mark.parametrize("door", ["", "unknown"])
async def test_an_unknown_door_aborts(door: str) -> None:
    with pytest.raises(Aborted):
        await doors().process(None, FakeContext(door, []))


async def test_a_request_that_ends_before_it_is_decided_aborts() -> None:
    world = World()
    for script in ([], [request_head(world)]):
        with pytest.raises(Aborted):
            await doors(world).process(None, FakeContext(DOOR_ADMISSION, script))


async def test_messages_out_of_order_abort() -> None:
    world = World()
    for script in ([request_body()], [request_head(world), request_head(world)], [response_head()]):
        with pytest.raises(Aborted):
            await doors(world).process(None, FakeContext(DOOR_ADMISSION, script))


async def test_silence_aborts() -> None:
    world = World()
    for script in ([], [request_head(world)]):
        with pytest.raises(Aborted):
            await doors(world).process(None, FakeContext(DOOR_ADMISSION, script, falls_silent=True))


async def test_a_directory_that_hangs_aborts_within_the_deadline() -> None:
    world = World()

    class Hanging:
        async def find(self, digest: bytes) -> None:
            await asyncio.Event().wait()

    desk = replace(world.desk, directory=Hanging())
    line = FakeContext(DOOR_ADMISSION, [request_head(world), request_body()])
    with pytest.raises(Aborted):
        await Doors(desk, JOURNAL, lambda: "incident", BRIEF).process(None, line)
    assert line.sent == []


async def test_a_delivered_answer_ends_cleanly_and_is_recorded() -> None:
    journal = MemoryJournal()
    line = FakeContext(DOOR_DELIVERY, [response_head(), chunk(ANSWER), chunk(b"", is_last=True)])
    await doors(journal=journal).process(None, line)
    assert kinds(line) == ["response_headers", "response_body", "response_body"]
    assert [record.is_complete for record in journal.deliveries] == [True]


@pytest.mark.parametrize(
    "script",
    [
        [],
        [response_head()],
        [response_head(), chunk(ANSWER)],
        [response_head(), chunk(ANSWER), chunk(b"data: {half", is_last=True)],
        [chunk(ANSWER)],
        [response_head(), response_head()],
    ],
    ids=["nothing", "head", "no-end", "half-event", "no-head", "two-heads"],
)
async def test_a_delivery_without_an_end_aborts(script: list[pb.ProcessingRequest]) -> None:
    journal = MemoryJournal()
    with pytest.raises(Aborted):
        await doors(journal=journal).process(None, FakeContext(DOOR_DELIVERY, script))
    assert not any(record.is_complete for record in journal.deliveries)


async def test_a_cancelled_delivery_is_recorded_without_waiting() -> None:
    journal = MemoryJournal()
    line = FakeContext(DOOR_DELIVERY, [response_head(), chunk(ANSWER[:60])], falls_silent=True)
    task = asyncio.ensure_future(doors(journal=journal).process(None, line))
    while line.reads < 3:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [record.is_complete for record in journal.deliveries] == [False]


async def test_while_draining_a_finished_stream_waits_for_envoy_to_let_go() -> None:
    world = World()
    line = FakeContext(DOOR_ADMISSION, [request_head(world), request_body()])
    draining = doors(world)
    draining.drain()
    await draining.process(None, line)
    assert line.reads == 3


class SlowLine:
    """A line whose next message comes when told, and which dies of a read that is cancelled, as grpc.aio's do."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[pb.ProcessingRequest | None] = asyncio.Queue()
        self.reads = 0

    async def read(self) -> pb.ProcessingRequest | None:
        self.reads += 1
        return await self.messages.get()


async def test_a_message_that_comes_after_a_time_out_is_read_all_the_same_and_once() -> None:
    line = SlowLine()
    reading = _Reading(line)  # type: ignore[arg-type]
    assert not await reading.waits(0)
    assert not await reading.waits(-1)
    message = pb.ProcessingRequest()
    line.messages.put_nowait(message)
    assert await reading.waits(20)
    assert await reading.take() is message
    assert line.reads == 1
    line.messages.put_nowait(None)
    await reading.await_end(20)
    assert line.reads == 2
    assert not await reading.waits(0)
    reading.leave()
    line.messages.put_nowait(None)


async def test_a_remembered_answer_is_one_reply_and_is_told_to_the_journal() -> None:
    remembering = Remembering()
    await remembering.ask("hi")
    journal = MemoryJournal()
    world = remembering.world
    line = FakeContext(DOOR_ADMISSION, [request_head(world), request_body()])
    await Doors(remembering.desk, journal, lambda: "incident", Limits()).process(None, line)
    assert kinds(line) == ["request_headers", "immediate_response"]
    reply = line.sent[1].immediate_response
    assert (reply.status.code, reply.details) == (200, "gateway:cached")
    (record,) = journal.deliveries
    written = line.sent[1].dynamic_metadata.fields[NAMESPACE_CONTEXT].struct_value.fields[CONTEXT_FIELD].string_value
    assert decode_context(written) == record.context
    assert record.context.cached is not None
