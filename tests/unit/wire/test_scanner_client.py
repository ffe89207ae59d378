"""A scanner service asked by the gateway: what is believed of its answer, and what its being gone or hung costs."""

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trustme

from extproc.adapters.guarded_scanner import GuardedScanner
from extproc.model.guard import Direction, Finding, Leaf, Trust
from extproc.model.guard_scanners import ServiceSettings
from extproc.model.refusals import Unavailable
from extproc.policy.breaker import BreakerPolicy
from extproc.policy.guard_ports import ScanAsked
from extproc.policy.hosted_ports import Found
from extproc.wire.scanner_client import ScannerClient, open_scanner_client
from extproc.wire.scanner_server import ScannerDoor, ServiceKeys, serve_scanners
from tests.scanner_service import ScannerService as Child
from tests.servers import eventually


def ask(*texts: str, limit_s: float = 30.0, organisation: str = "acme", trust: Trust = Trust.USER) -> ScanAsked:
    leaves = tuple(Leaf(("messages", number), text, trust) for number, text in enumerate(texts))
    return ScanAsked(organisation, "e1", Direction.INPUT, leaves, (), limit_s)


@pytest.fixture
async def child() -> AsyncIterator[Child]:
    made = Child()
    await made.start()
    yield made
    await made.end()


async def recovered(scanner: GuardedScanner | ScannerClient) -> Sequence[Finding]:
    async with asyncio.timeout(30):
        while True:
            with suppress(Unavailable):
                return await scanner.scan(ask("an attack"))
            await asyncio.sleep(0.02)


FOUND = (Finding("guard.attack", ("messages", 0), 3, 9, 0.9),)


async def test_texts_go_to_the_service_and_what_it_finds_has_its_place(child: Child) -> None:
    async with open_scanner_client("guard", ServiceSettings(child.address, "words")) as client:
        assert await client.scan(ask("an attack", "", "🙂 an attack")) == (
            *FOUND,
            Finding("guard.attack", ("messages", 2), 5, 11, 0.9),
        )
        assert await client.scan(ask("an attack", trust=Trust.TRUSTED)) == await client.scan(ask()) == ()
        # Half of a pair that JSON may carry and UTF-8 may not.
        assert await client.scan(ask("\ud83d an attack")) == (Finding("guard.attack", ("messages", 0), 5, 11, 0.9),)


async def test_a_service_that_is_killed_is_no_answer_at_once_and_is_found_when_it_is_back(child: Child) -> None:
    async with open_scanner_client("guard", ServiceSettings(child.address, "words")) as client:
        guarded = GuardedScanner("guard", client, BreakerPolicy(3, 0.05, 0.2))
        assert await guarded.scan(ask("an attack")) == FOUND
        waiting = asyncio.create_task(guarded.scan(ask("sleep", limit_s=600)))
        await eventually(lambda: bool(guarded._bulkhead._places), "one under way")
        await child.end()
        with pytest.raises(Unavailable):
            await waiting
        for _ in range(20):
            with pytest.raises(Unavailable):
                await guarded.scan(ask("an attack", limit_s=600))
        await child.start()
        assert await recovered(guarded) == FOUND


async def test_a_service_that_hangs_costs_its_deadline_a_few_times_and_then_nothing(child: Child) -> None:
    async with open_scanner_client("guard", ServiceSettings(child.address, "words")) as client:
        guarded = GuardedScanner("guard", client, BreakerPolicy(3, 600.0, 600.0))
        assert await guarded.scan(ask("an attack")) == FOUND
        child.signal(signal.SIGSTOP)
        with pytest.raises(Unavailable, match="DEADLINE_EXCEEDED"):
            await client.scan(ask("an attack", limit_s=0.2))
        for _ in range(3):
            with pytest.raises(Unavailable, match=r"in time|DEADLINE"):
                await guarded.scan(ask("an attack", limit_s=0.2))
        for _ in range(20):
            with pytest.raises(Unavailable, match="rest"):
                await guarded.scan(ask("an attack", limit_s=600))
        child.signal(signal.SIGCONT)
        assert await recovered(client) == FOUND


class Liar:
    def __init__(self, found: Found) -> None:
        self.found = found

    def scan(self, texts: Sequence[str]) -> Sequence[Found]:
        return (self.found,)


@asynccontextmanager
async def served(hosted: Any, keys: ServiceKeys | None = None) -> AsyncIterator[str]:
    stop, ports = asyncio.Event(), []
    door = ScannerDoor({"it": hosted})
    serving = serve_scanners(door, "127.0.0.1:0", stop, keys=keys, drain_s=0, tell=ports.append)
    server = asyncio.create_task(serving)
    await eventually(lambda: bool(ports), "the service")
    yield f"localhost:{ports[0]}" if keys else f"127.0.0.1:{ports[0]}"
    stop.set()
    await server


@pytest.mark.parametrize(
    "found",
    [
        Found(1, "x", 0, 1, 0.5),
        Found(0, "x", 0, 5, 0.5),
        Found(0, "x", 3, 2, 0.5),
        Found(0, "X y", 0, 1, 0.5),
        Found(0, "", 0, 1, 0.5),
        Found(0, "x", 0, 1, 1.5),
        Found(0, "x", 0, 1, float("nan")),
    ],
)
async def test_an_answer_that_makes_no_sense_is_none(found: Found) -> None:
    async with (
        served(Liar(found)) as address,
        open_scanner_client("guard", ServiceSettings(address, "it")) as client,
    ):
        with pytest.raises(Unavailable, match="no sense"):
            await client.scan(ask("four"))


async def test_a_service_may_show_a_certificate_and_only_its_own_is_believed(tmp_path: Path) -> None:
    for name in ("ours", "theirs"):
        authority = trustme.CA()
        authority.cert_pem.write_to_path(tmp_path / f"{name}.ca")
        issued = authority.issue_cert("localhost")
        issued.private_key_pem.write_to_path(tmp_path / f"{name}.key")
        issued.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.crt")
    keys = ServiceKeys(tmp_path / "ours.crt", tmp_path / "ours.key")
    async with served(Liar(Found(0, "x", 0, 1, 0.5)), keys) as address:
        ours = ServiceSettings(address, "it", ca_file=tmp_path / "ours.ca")
        async with open_scanner_client("guard", ours) as client:
            assert len(await client.scan(ask("four"))) == 1
        theirs = ServiceSettings(address, "it", ca_file=tmp_path / "theirs.ca")
        async with open_scanner_client("guard", theirs) as client:
            with pytest.raises(Unavailable):
                await client.scan(ask("four", limit_s=5))
