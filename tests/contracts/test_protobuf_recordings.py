"""Exchanges of a running Envoy, replayed: every frame it sent is read whole by ``wire``.

``record`` made the files. What a frame holds is asked of the class built from Envoy's own descriptors, so the witness
knows nothing of our subset or our decoding.
"""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2

from extproc.exchange.events import RequestBody, RequestHead, ResponseChunk, ResponseHead, ResponseTrailers
from extproc.model import seams
from extproc.model.exchange import Outcome
from extproc.wire.decode import decode_admission, decode_delivery, decode_seat
from extproc.wire.gen.gateway.v1 import ext_proc_pb2
from extproc.wire.journal_door import read_attempt, read_exchange
from tests.contracts.envoy_descriptors import message_class
from tests.contracts.record import EVENTS, KEY, PROVIDER_KEY, RECORDINGS, SCENARIOS

Attempt = tuple[str, int, str]
STREAM = b"".join(EVENTS)


@dataclass(frozen=True, slots=True)
class Expected:
    """What one scenario comes to."""

    outcome: Outcome
    status: int
    attempts: tuple[Attempt, ...]
    """Deployment, status and flags, in the order of the plan."""
    delivered: tuple[tuple[str, int, bytes, bool], ...]
    """Deployment, status, body and whether its end was seen, of each delivery stream."""
    flags: str = ""


MODES = {seams.DOOR_ADMISSION: ("BUFFERED", "NONE"), seams.DOOR_DELIVERY: ("NONE", "FULL_DUPLEX_STREAMED")}
ANSWER = b'{"id": "chatcmpl-1", "object": "chat.completion", "choices": [{"message": {"content": "Hello."}}]}'
ERROR = b'{"error":{"message":"no"}}'
EAST = ("east", 200, "")
WEST = ("west", 200, "")
EXPECTED = {
    "chat_plain": Expected(Outcome.ANSWERED, 200, (EAST,), (("east", 200, ANSWER, True),)),
    "chat_stream": Expected(Outcome.ANSWERED, 200, (EAST,), (("east", 200, STREAM, True),)),
    "chat_stream_http2_trailers": Expected(Outcome.ANSWERED, 200, (EAST,), (("east", 200, STREAM, True),)),
    "provider_error_then_answer": Expected(
        Outcome.ANSWERED,
        200,
        (("east", 500, ""), WEST),
        # Envoy took the next attempt before the first one's end: what it had already sent stays recorded.
        (("east", 500, ERROR, False), ("west", 200, ANSWER, True)),
    ),
    "provider_error": Expected(
        Outcome.FAILED,
        500,
        (("east", 500, ""), ("west", 500, "")),
        (("east", 500, ERROR, False), ("west", 500, ERROR, True)),
        "URX",
    ),
    "connect_failure_then_answer": Expected(
        Outcome.ANSWERED, 200, (("dark", 0, "UF"), WEST), (("west", 200, ANSWER, True),)
    ),
    "cut_mid_stream": Expected(Outcome.FAILED, 200, (("east", 200, "UPE"),), (("east", 200, EVENTS[0], False),), "UPE"),
    "client_gone_mid_stream": Expected(Outcome.ABANDONED, 200, (EAST,), (("east", 200, EVENTS[0], False),), "DC"),
    "list_models": Expected(Outcome.ANSWERED, 200, (), ()),
}


@dataclass(frozen=True, slots=True)
class Recording:
    doors: list[tuple[str, list[bytes]]]
    journal: list[bytes]

    def frames(self, door: str) -> list[list[bytes]]:
        return [frames for name, frames in self.doors if name == door]

    def records(self) -> list[dict[str, str]]:
        requests = map(logs_service_pb2.ExportLogsServiceRequest.FromString, self.journal)
        return [
            {item.key: item.value.string_value for item in record.attributes}
            for request in requests
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]


def load(path: Path) -> Recording:
    content = json.loads(path.read_text())
    decoded = [(stream["door"], [*map(base64.b64decode, stream["frames"])]) for stream in content["doors"]]
    return Recording(decoded, [*map(base64.b64decode, content["journal"])])


NAMES = sorted(path.stem for path in RECORDINGS.glob("*.json"))
RECORDED = {name: load(RECORDINGS / f"{name}.json") for name in NAMES}
each_recording = pytest.mark.parametrize("name", NAMES)


def _as_envoy(frame: bytes) -> Any:
    return message_class("envoy.service.ext_proc.v3.ProcessingRequest").FromString(frame)


def _raw(headers: Any) -> tuple[tuple[str, str], ...]:
    return tuple((header.key, header.raw_value.decode("latin-1")) for header in headers.headers.headers)


def _request_id(recording: Recording) -> str:
    """Envoy's name of the exchange, as admission was told it."""
    (frames,) = recording.frames(seams.DOOR_ADMISSION)
    return dict(_raw(_as_envoy(frames[0]).request_headers))["x-request-id"]


def test_every_scenario_was_recorded_and_is_replayed() -> None:
    assert set(NAMES) == {scenario.name for scenario in SCENARIOS} == EXPECTED.keys()


@each_recording
def test_envoy_sent_nothing_beyond_the_subset_but_its_own_processing_mode(name: str) -> None:
    for door, frames in RECORDED[name].doors:
        for index, frame in enumerate(frames):
            ours, theirs = ext_proc_pb2.ProcessingRequest.FromString(frame), _as_envoy(frame)
            beyond = {theirs.DESCRIPTOR.fields_by_number[field.field_number].name for field in UnknownFieldSet(ours)}
            assert beyond == ({"protocol_config"} if index == 0 else set())
            assert _as_envoy(ours.SerializeToString()) == theirs
        modes = _as_envoy(frames[0]).protocol_config
        names = modes.DESCRIPTOR.fields_by_name["response_body_mode"].enum_type.values_by_number
        request_mode, response_mode = names[modes.request_body_mode].name, names[modes.response_body_mode].name
        assert (request_mode, response_mode) == MODES[door]


@each_recording
def test_admission_reads_the_whole_request(name: str) -> None:
    (frames,) = RECORDED[name].frames(seams.DOOR_ADMISSION)
    theirs = [_as_envoy(frame) for frame in frames]
    head, *rest = [decode_admission(ext_proc_pb2.ProcessingRequest.FromString(frame)) for frame in frames]
    protocol = "HTTP/2" if "http2" in name else "HTTP/1.1"
    assert head == RequestHead(_raw(theirs[0].request_headers), not rest, protocol)
    assert ("authorization", f"Bearer {KEY}") in head.headers
    assert rest == [RequestBody(message.request_body.body) for message in theirs[1:]]
    asked = next(scenario.body for scenario in SCENARIOS if scenario.name == name)
    assert [json.loads(body.data) for body in rest if isinstance(body, RequestBody)] == ([asked] if asked else [])


@each_recording
def test_delivery_reads_the_whole_response_of_each_attempt(name: str) -> None:
    delivered = []
    for frames in RECORDED[name].frames(seams.DOOR_DELIVERY):
        messages = [ext_proc_pb2.ProcessingRequest.FromString(frame) for frame in frames]
        head, *rest = map(decode_delivery, messages)
        assert isinstance(head, ResponseHead)
        assert head.headers == _raw(_as_envoy(frames[0]).response_headers)
        assert not head.is_end
        body = b"".join(event.data for event in rest if isinstance(event, ResponseChunk))
        ends = [
            index
            for index, event in enumerate(rest, 1)
            if isinstance(event, ResponseTrailers) or (isinstance(event, ResponseChunk) and event.is_last)
        ]
        # The end is seen once and is the last thing seen.
        assert ends in ([], [len(rest)])
        delivered.append((decode_seat(messages[0]).deployment, head.status, body, bool(ends)))
    expected = EXPECTED[name].delivered
    assert [attempt[:2] for attempt in delivered] == [attempt[:2] for attempt in expected]
    for (*_, body, is_whole), (*_, expected_body, expected_whole) in zip(delivered, expected, strict=True):
        # How much of an attempt that Envoy gave up it had sent before is a matter of moments.
        assert expected_body.startswith(body)
        assert body == expected_body or not is_whole
        assert is_whole or not expected_whole


@each_recording
def test_delivery_is_seated_in_the_exchange_that_admission_planned(name: str) -> None:
    order = [deployment for deployment, *_ in EXPECTED[name].attempts]
    for frames in RECORDED[name].frames(seams.DOOR_DELIVERY):
        seat = decode_seat(ext_proc_pb2.ProcessingRequest.FromString(frames[0]))
        assert seat.context.id == _request_id(RECORDED[name])
        assert seat.number == order.index(seat.deployment) + 1


@each_recording
def test_trailers_of_a_provider_never_reach_delivery(name: str) -> None:
    frames = [frame for stream in RECORDED[name].frames(seams.DOOR_DELIVERY) for frame in stream]
    events = [decode_delivery(ext_proc_pb2.ProcessingRequest.FromString(frame)) for frame in frames]
    # Envoy drops them: the response ends with an empty last chunk, as it does without any.
    assert not any(isinstance(event, ResponseTrailers) for event in events)
    assert not any(b"x-checksum" in frame for frame in frames)


@each_recording
def test_the_journal_tells_how_each_attempt_and_the_exchange_ended(name: str) -> None:
    expected = EXPECTED[name]
    by_kind: dict[str, list[dict[str, str]]] = {seams.LOG_ATTEMPT: [], seams.LOG_EXCHANGE: []}
    for record in RECORDED[name].records():
        by_kind[record["kind"]].append(record)

    attempts = [read_attempt(fields) for fields in by_kind[seams.LOG_ATTEMPT]]
    assert tuple((a.deployment, a.status, a.flags) for a in attempts) == expected.attempts
    (exchange,) = [read_exchange(fields) for fields in by_kind[seams.LOG_EXCHANGE]]
    assert (exchange.outcome, exchange.status, exchange.flags) == (expected.outcome, expected.status, expected.flags)
    assert {record.exchange for record in (exchange, *attempts)} == {_request_id(RECORDED[name])}
    planned = [limits.deployment for limits in exchange.context.plan] if exchange.context else []
    assert [a.deployment for a in attempts] == planned[: len(attempts)]


@each_recording
def test_no_key_is_ever_sent_to_delivery_or_the_journal(name: str) -> None:
    sent = [frame for stream in RECORDED[name].frames(seams.DOOR_DELIVERY) for frame in stream]
    for frame in sent + RECORDED[name].journal:
        assert KEY.encode() not in frame
        assert PROVIDER_KEY.encode() not in frame
