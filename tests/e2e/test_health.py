"""What two real workers, a real Envoy and a real Valkey make of a deployment that fails: seen from its own side."""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import redis as blocking_redis

from extproc.adapters.redis_client import open_redis
from extproc.adapters.redis_health import PREFIX, read_states
from extproc.model.health import Trouble
from extproc.model.seams import DEPLOYMENT_CLUSTER_PREFIX
from extproc.policy.health import UNHEARD, State
from tests.contracts.health_fleet import MAIN
from tests.e2e.health_worker import REDIS_URL
from tests.e2e.provider import STOP, Script, Turn, answer, word
from tests.e2e.rig import Rig, chat, make_rig
from tests.faults.test_failover import FAULTS
from tests.servers import Valkey, eventually, run_valkey, wait_until

SHORT = {"connect_s": 1.0, "first_token_s": 0.7, "total_s": 1.0, "idle_s": 0.7}
ROUTING = {"allowed_fails": 3, "cooldown_s": 2.0, "max_cooldown_s": 8.0}
PATIENT = {"connect_s": 10.0, "first_token_s": 30.0, "total_s": 30.0, "idle_s": 30.0}
"""Where what is waited for is no time-out."""
SICK = "sick"


@dataclass(slots=True)
class World:
    """A rig and the Valkey that its workers share."""

    rig: Rig
    valkey: Valkey
    asked: int = 0
    """How many requests were sent so far."""

    def ask(self, *, is_stream: bool = False, model: str = "pair") -> httpx.Response:
        """One request, which names the script SICK."""
        return asyncio.run(self.send(is_stream=is_stream, model=model))

    async def send(self, *, is_stream: bool = False, model: str = "pair") -> httpx.Response:
        self.asked += 1
        async with self.rig.client() as client:
            body = chat(model=model, stream=is_stream, x_script=SICK)
            return await client.post("/v1/chat/completions", json=body)

    def ask_well(self) -> None:
        """One request that is answered."""
        assert self.ask().status_code == 200

    async def state(self) -> State:
        """What all workers know of the first deployment."""
        async with open_redis(self.valkey.url) as redis:
            return (await read_states(redis)).get(MAIN, UNHEARD)

    def await_state(self, is_so: str, limit_s: float = 60.0) -> State:
        """Wait until the state is as said, such as ``failures == 3``."""
        seen: list[State] = []

        def check() -> bool:
            seen[:] = [asyncio.run(self.state())]
            return bool(eval(is_so, {}, {name: getattr(seen[0], name) for name in State.__slots__}))  # noqa: S307

        wait_until(check, is_so, limit_s)
        return seen[0]

    def await_state_asking(self, is_so: str, limit_s: float = 60.0) -> State:
        """The same while requests come in."""
        deadline_s = time.monotonic() + limit_s
        while True:
            self.ask_well()
            with contextlib.suppress(TimeoutError):
                return self.await_state(is_so, 0.05)
            assert time.monotonic() < deadline_s, is_so

    def await_told(self, attempts: int = 1) -> None:
        """Wait until the last request's records have come, of so many attempts, and every worker has told of them."""
        wait_until(lambda: len(self.rig.journal("exchange")) == self.asked, "the records of the exchanges")
        last = max(self.rig.journal("exchange"), key=lambda each: float(each["context"]["started_at_s"]))["exchange"]
        mine = [each for each in self.rig.journal("attempt") if each["exchange"] == last]
        wait_until(lambda: len(self._attempts_of(last)) == attempts, f"{attempts} attempts' records: {mine}")
        with blocking_redis.Redis.from_url(self.valkey.url) as admin:

            def calls() -> int:
                stats = admin.info("commandstats")
                return int(stats.get("cmdstat_evalsha", {}).get("calls", 0))

            begun = calls()
            wait_until(lambda: calls() >= begun + 3 * self.rig.gateway.workers, "the workers' telling")

    def _attempts_of(self, exchange: str) -> list[str]:
        return [each["deployment"] for each in self.rig.journal("attempt") if each["exchange"] == exchange]


def run_world(timeouts: Mapping[str, float] = SHORT, **options: Any) -> Iterator[World]:
    with run_valkey() as valkey, pytest.MonkeyPatch.context() as patch:
        patch.setenv(REDIS_URL, valkey.url)
        worker = "tests.e2e.health_worker"
        for rig in make_rig({"routing": ROUTING}, timeouts=timeouts, worker_module=worker, **options):
            yield World(rig, valkey)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    yield from run_world()


@pytest.fixture
def own_world() -> Iterator[World]:
    yield from run_world()


@pytest.fixture
def well(world: World) -> World:
    """The shared world, its first deployment well: nothing in a row, no trouble."""
    world.rig.provider.scripts[SICK] = world.rig.other.scripts[SICK] = answer
    world.await_state_asking("failures == 0 and trouble is None")
    world.await_told()
    world.await_state("in_flight == 0")
    return world


async def cut_later(turn: Turn) -> None:
    await turn.open_stream()
    await turn.event(word("a"))
    await asyncio.sleep(0.1)
    turn.reset()


async def error_later(turn: Turn) -> None:
    await turn.open_stream()
    await turn.event(word("a"))
    await asyncio.sleep(0.1)
    await turn.event({"error": {"message": "overloaded"}})
    await turn.until_gone()


async def silent_later(turn: Turn) -> None:
    await turn.open_stream()
    await turn.event(word("a"))
    await turn.until_gone()


async def half_a_body(turn: Turn) -> None:
    await turn.head(200, "application/json", "content-length: 100")
    await turn.send(b'{"half"')
    turn.reset()


async def mistaken(turn: Turn) -> None:
    await turn.plain(b'{"error":{"message":"no such parameter"}}', 400)


async def unavailable(turn: Turn) -> None:
    await turn.plain(b"busy", 500)


async def limited(turn: Turn) -> None:
    await turn.plain(b"slow down", 429, "retry-after: 3")


async def leisurely(turn: Turn) -> None:
    await turn.open_stream()
    for _ in range(100):
        await turn.event(word("a"))
        await asyncio.sleep(0.1)
    await turn.event(STOP)
    await turn.event(b"[DONE]")
    await turn.end()


LATER: dict[str, Script] = {"cut": cut_later, "error": error_later, "silence": silent_later}


def check_counts(world: World, script: Script, *, is_stream: bool, failures: int, attempts: int) -> None:
    world.rig.provider.scripts[SICK] = script
    try:
        world.ask(is_stream=is_stream)
    except httpx.RemoteProtocolError:
        assert attempts == 1
    world.await_told(attempts)
    state = world.await_state("in_flight == 0")
    assert state.failures == failures


@pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("fault", [name for name in FAULTS if name != "429"])
def test_every_fault_of_a_provider_counts_exactly_once(well: World, fault: str, is_stream: bool) -> None:
    check_counts(well, FAULTS[fault], is_stream=is_stream, failures=1, attempts=2)


@pytest.mark.parametrize("fault", LATER)
def test_a_fault_after_the_first_byte_counts_exactly_once(well: World, fault: str) -> None:
    check_counts(well, LATER[fault], is_stream=True, failures=1, attempts=1)


def test_half_a_body_counts_exactly_once(well: World) -> None:
    check_counts(well, half_a_body, is_stream=False, failures=1, attempts=2)


@pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "stream"])
def test_a_callers_mistake_does_not_count(well: World, is_stream: bool) -> None:
    check_counts(well, mistaken, is_stream=is_stream, failures=0, attempts=1)


@pytest.mark.parametrize("script", [leisurely, FAULTS["hang"]], ids=["in the stream", "before an answer"])
def test_a_client_that_leaves_does_not_count(well: World, script: Script) -> None:
    well.rig.provider.scripts[SICK] = script

    async def leave() -> None:
        before = len(well.rig.provider.got(SICK))
        asking = asyncio.create_task(well.send(is_stream=True))
        await eventually(lambda: len(well.rig.provider.got(SICK)) > before, "the provider being asked")
        assert not (await asyncio.wait({asking}, timeout=0.4))[0]
        asking.cancel()
        await asyncio.wait({asking})

    asyncio.run(leave())
    well.await_told()
    assert well.await_state("in_flight == 0").failures == 0


def test_a_refused_connection_counts_exactly_once(well: World) -> None:
    assert well.ask(model="refused-pair").status_code == 200
    well.await_told(attempts=2)

    async def failures() -> int:
        async with open_redis(well.valkey.url) as redis:
            return (await read_states(redis))["dead"].failures  # type: ignore[index]

    assert asyncio.run(failures()) == 1


def test_after_three_failures_it_is_left_alone_then_tried_by_few_and_used_again(well: World) -> None:
    rig = well.rig
    rig.provider.scripts[SICK] = unavailable
    for _ in range(3):
        well.ask_well()
    until_s = well.await_state("trouble is not None").cooldown_until_s
    assert well.rig.gateway.catalog.routing.allowed_fails == 3
    well.await_told(attempts=2)
    alone, tried = len(rig.provider.requests), len(rig.other.requests)
    while time.time() < until_s - 0.3:
        well.ask_well()
    assert len(rig.provider.requests) == alone
    assert len(rig.other.requests) > tried
    # It still fails: the probes find out, at most one of each worker, and the next cooldown is longer.
    state = well.await_state_asking(f"cooldown_until_s > {until_s + 1}")
    assert 1 <= len(rig.provider.requests) - alone <= rig.gateway.workers
    assert state.rung == 2
    rig.provider.scripts[SICK] = answer
    well.await_state_asking("trouble is None", 20)
    well.await_told()
    served = len(rig.provider.requests)
    for _ in range(6):
        well.ask_well()
    assert len(rig.provider.requests) == served + 6


def test_both_workers_leave_a_provider_alone_for_as_long_as_it_asked(well: World) -> None:
    rig = well.rig
    rig.provider.scripts[SICK] = limited
    begun_s = time.time()
    well.ask_well()
    state = well.await_state("trouble is not None")
    assert state.trouble is Trouble.RATE_LIMITED
    assert begun_s + 3 <= state.cooldown_until_s <= time.time() + 3.6
    well.await_told(attempts=2)
    asked = len(rig.provider.requests)
    while time.time() < begun_s + 2.9:
        well.ask_well()
    assert len(rig.provider.requests) == asked


def test_envoys_own_limit_of_connections_does_not_count_and_is_not_retried() -> None:
    def one_connection(files: dict[str, Any]) -> None:
        for each in files["cds.json"]["resources"]:
            if each["name"] == f"{DEPLOYMENT_CLUSTER_PREFIX}{MAIN}":
                for threshold in each["circuit_breakers"]["thresholds"]:
                    threshold.update(max_connections=1, max_pending_requests=1, max_requests=1)

    for world in run_world(PATIENT, edit=one_connection, concurrency=1):
        world.rig.provider.scripts[SICK] = leisurely

        async def hold(here: World = world) -> None:
            held = asyncio.create_task(here.send(is_stream=True))
            await asyncio.to_thread(here.await_state, "in_flight == 1")
            waiting = asyncio.create_task(here.send())
            await asyncio.to_thread(here.await_state, "in_flight == 2")
            # Envoy never tries another cluster after an overflow: a limit that is reached is an error of the request.
            assert (await here.send()).status_code == 503
            for task in (held, waiting):
                task.cancel()
            await asyncio.wait({held, waiting})

        asyncio.run(hold())
        state = world.await_state("in_flight == 0", 10)
        assert (state.failures, state.trouble) == (0, None)
        assert any(each["flags"] == "UO" for each in world.rig.journal("attempt"))


def test_without_valkey_requests_go_on_and_each_worker_still_learns(own_world: World) -> None:
    rig = own_world.rig
    own_world.valkey.kill()
    rig.provider.scripts[SICK] = unavailable
    statuses = [own_world.ask().status_code for _ in range(30)]
    assert set(statuses) == {200}
    asked = len(rig.provider.requests)
    # Each worker of its own accord: three failures that it saw, and those in flight when it had seen them.
    assert 3 <= asked <= 4 * rig.gateway.workers
    own_world.valkey.start()
    own_world.await_state("trouble is not None")
    rig.check_alive()


def test_what_a_killed_worker_had_under_way_is_not_counted_for_ever(own_world: World) -> None:
    rig = own_world.rig
    rig.provider.scripts[SICK] = leisurely

    async def run() -> None:
        async with rig.client() as client:
            body = chat(model="pair", stream=True, x_script=SICK)
            streams = [asyncio.create_task(client.post("/v1/chat/completions", json=body)) for _ in range(6)]
            await asyncio.to_thread(own_world.await_state, "in_flight == 6")
            rig.workers[0].kill()
            rig.workers[0].wait(5)
            await asyncio.to_thread(own_world.await_state, "in_flight < 6")
            for stream in streams:
                stream.cancel()
            await asyncio.gather(*streams, return_exceptions=True)

    asyncio.run(run())
    state = own_world.await_state("in_flight == 0", 10)
    assert state.failures == 0
    with blocking_redis.Redis.from_url(own_world.valkey.url) as admin:
        assert admin.hlen(PREFIX + "seats") >= 6
