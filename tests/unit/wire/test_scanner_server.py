"""What a scanner service answers, whom it refuses, and what a scan that does not end costs."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2

from extproc.policy.hosted_ports import Found
from extproc.wire.gen.gateway.v1 import scanner_pb2 as pb
from extproc.wire.scanner_server import ScannerDoor, ServiceSize, serve_scanners
from tests.servers import eventually


@dataclass
class Scripted:
    """Waits for its gate where a text says so."""

    gate: threading.Event = field(default_factory=threading.Event)
    began: list[str] = field(default_factory=list)

    def scan(self, texts: Sequence[str]) -> Sequence[Found]:
        self.began.append(texts[0])
        if "wait" in texts[0]:
            self.gate.wait(60)
        if "bug" in texts[0]:
            raise LookupError(texts[0])
        return [Found(number, "word", 0, len(text), 0.5) for number, text in enumerate(texts) if text]


class World:
    def __init__(self, **size: Any) -> None:
        self.scanner = Scripted()
        self.stuck = asyncio.Event()
        self.door = ScannerDoor({"scripted": self.scanner}, ServiceSize(**size), self.stuck.set)
        self.channel: Any = None

    async def ask(self, *texts: str, organisation: str = "acme", scanner: str = "scripted", limit_s: float = 60) -> Any:
        ask = self.channel.unary_unary(
            "/gateway.v1.Scanner/Scan",
            request_serializer=pb.ScanRequest.SerializeToString,
            response_deserializer=pb.ScanResponse.FromString,
        )
        request = pb.ScanRequest(scanner=scanner, organisation=organisation, texts=texts)
        return [(each.text, each.kind, each.end) for each in (await ask(request, timeout=limit_s)).findings]

    async def refused(self, *texts: str, **options: Any) -> str:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await self.ask(*texts, **options)
        return raised.value.code().name


@asynccontextmanager
async def world(**size: Any) -> AsyncIterator[World]:
    made = World(**size)
    stop, ports = asyncio.Event(), []
    server = asyncio.create_task(serve_scanners(made.door, "127.0.0.1:0", stop, drain_s=0, tell=ports.append))
    await eventually(lambda: bool(ports), "the service")
    async with grpc.aio.insecure_channel(f"127.0.0.1:{ports[0]}") as made.channel:
        yield made
    made.scanner.gate.set()
    stop.set()
    await server


async def test_what_is_found_is_told_by_the_number_of_its_text() -> None:
    async with world() as made:
        assert await made.ask("one", "", "three") == [(0, "word", 3), (2, "word", 5)]


async def test_what_it_does_not_have_or_take_is_said() -> None:
    async with world(most_characters=5) as made:
        assert await made.refused("x", scanner="other") == "NOT_FOUND"
        assert await made.refused("abc", "def") == "INVALID_ARGUMENT"
        assert await made.ask("abc", "de")


async def test_a_bug_in_a_scanner_is_told_without_the_text() -> None:
    async with world() as made:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await made.ask("a bug in here")
        assert raised.value.code() == grpc.StatusCode.INTERNAL
        assert "here" not in (raised.value.details() or "")


async def test_one_organisation_never_has_all_threads_nor_a_queue_without_end() -> None:
    async with world(threads=2, most_waiting=1) as made:
        held = [asyncio.create_task(made.ask("wait", organisation="slow")) for _ in range(2)]
        await eventually(lambda: len(made.scanner.began) == 1 and bool(made.door._bulkhead._places["slow"].waiting), "")
        assert await made.refused("wait", organisation="slow") == "RESOURCE_EXHAUSTED"
        assert await made.ask("one") == [(0, "word", 3)]
        made.scanner.gate.set()
        await asyncio.gather(*held)


async def test_a_scan_whose_caller_has_gone_holds_its_turn_to_its_end() -> None:
    async with world(threads=1) as made:
        assert await made.refused("wait", limit_s=0.3) == "DEADLINE_EXCEEDED"
        assert await made.refused("one", limit_s=0.3) == "DEADLINE_EXCEEDED"
        assert made.scanner.began == ["wait"]
        # Behind the cancelled calls on the same connection: when it is answered, the server has heard of them.
        await made.channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=30)
        made.scanner.gate.set()
        assert await made.ask("two") == [(0, "word", 3)]
        # Who gave up before its turn came is not scanned for.
        assert made.scanner.began == ["wait", "two"]


async def test_a_scan_that_does_not_end_is_told() -> None:
    async with world(stuck_s=0.05) as made:
        asking = asyncio.create_task(made.ask("wait"))
        async with asyncio.timeout(30):
            await made.stuck.wait()
        made.scanner.gate.set()
        await asking


async def test_it_says_that_it_serves() -> None:
    async with world() as made:
        check = made.channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        answer = await check(health_pb2.HealthCheckRequest(), timeout=30)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_an_address_that_cannot_be_bound_is_an_error() -> None:
    with pytest.raises(OSError, match="cannot bind"):
        await serve_scanners(ScannerDoor({}), "unix:/no/such/directory/socket", asyncio.Event())
