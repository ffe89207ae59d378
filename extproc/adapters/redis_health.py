"""The deployments' health as all workers see it: a HealthView that is kept in step through Redis.

Every fifth of a second one call of ``redis_health.lua`` adds what this worker saw and brings what has changed since.
Nobody waits for it. While Redis is away a worker goes on with what it knows and what it sees itself, and how many
requests are under way elsewhere is taken for unknown, that is zero, after a few seconds. What it could not tell is told
later, up to a limit; a Redis that comes back empty is told of the cooldowns it has forgotten.

    extproc:{health}:states      hash, deployment → its state as JSON; those unheard of for ten minutes are removed
    extproc:{health}:changed     sorted set, deployment by the revision of its last change
    extproc:{health}:seats       hash, exchange → which attempt it is at; until its end and 15 s longer
    extproc:{health}:deadlines   sorted set, exchange by the second at which its seat is given up
    extproc:{health}:meta        hash: epoch, revision, swept
"""

import asyncio
import json
import secrets
from collections.abc import Callable
from importlib import resources
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from extproc.model.catalog import Catalog
from extproc.model.health import Standing, Trouble
from extproc.model.ids import DeploymentName
from extproc.model.refusals import Unavailable
from extproc.model.routing import RoutingPolicy
from extproc.policy import health as sums
from extproc.policy.flights import KEEP_S, Cooling, Ended, Fact, Finished, Metered, Probing, Started
from extproc.policy.health import State, standing_of
from extproc.policy.health_view import MOST_PENDING, HealthView
from extproc.policy.ports import Clock

PREFIX = "extproc:{health}:"
"""The braces keep all of them on one node of a Cluster."""
_KEYS = [PREFIX + name for name in ("states", "changed", "seats", "deadlines", "meta")]
_DEADLINE_S = 2.0
_EXPIRE_S = 7200
_MOST_AT_ONCE = 500
"""A script holds everybody up who asks Redis for something else: it may take a few milliseconds at most."""
_TOO_OLD_S = 60.0
"""What happened longer ago says little about now."""
_TRUST_S = 5.0
"""How long the count of requests under way is believed without news."""


class RedisHealth(HealthView):
    """Health and Journal. ``run`` must be running for anybody else to hear of it."""

    def __init__(
        self,
        redis: Redis,
        clock: Clock,
        catalog: Callable[[], Catalog],
        draw: Callable[[], float],
        on_rejected: Callable[[DeploymentName], None],
        *,
        every_s: float = 0.2,
    ) -> None:
        """See ``HealthView``; ``every_s`` is the pause between two calls."""
        super().__init__(clock, catalog, draw, on_rejected)
        self.is_shared = True
        self.redis = redis
        self._script = redis.register_script(_read_script())
        self._every_s = every_s
        self._epoch = ""
        self._revision = 0
        self._heard_at_s = clock.now_s()
        self._is_out = False
        self._log = structlog.get_logger("extproc.health")

    def standing(self, deployment: DeploymentName) -> Standing:
        """See ``Health``."""
        now_s = self._clock.now_s()
        state = self.state(deployment)
        if now_s - self._heard_at_s > _TRUST_S:
            # Whoever ends a request elsewhere cannot tell us: a count that only grows is worse than none.
            state = sums.moved(state, -state.in_flight)
        return standing_of(state, now_s)

    async def run(self) -> None:
        """Keep in step until cancelled, and pass on what there is once more then."""
        try:
            while True:
                await self._step()
                await asyncio.sleep(self._every_s * (0.8 + 0.4 * self._draw()))
        finally:
            await self._step()

    async def _step(self) -> None:
        was_out = self._is_out
        try:
            await self.sync()
        except Unavailable as trouble:
            if not was_out:
                self._log.warning("health_alone", reason=trouble.reason)
        else:
            if was_out:
                self._log.info("health_shared_again")

    async def sync(self) -> None:
        """Pass on what is pending and take what has changed: one round trip, or more after an outage.

        Raises:
            Unavailable: Redis did not answer in time; what is pending stays so.
        """
        for _ in range(MOST_PENDING // _MOST_AT_ONCE):
            if await self._exchange() < _MOST_AT_ONCE:
                return

    async def _exchange(self) -> int:
        """One call; how many notes it took."""
        now_s = self._clock.now_s()
        taken = self.take_pending(_MOST_AT_ONCE)
        names = {step.deployment for note in taken for step in note.steps}
        notes = [note for note in taken if now_s - note.fact.at_s < _TOO_OLD_S]
        asked = {
            "now": now_s,
            "epoch": self._epoch,
            "revision": self._revision,
            "nonce": secrets.token_hex(8),
            "rules": _rules(self._catalog().routing),
            "facts": [_written(note.fact) for note in notes],
            "names": sorted(names),
        }
        try:
            async with asyncio.timeout(_DEADLINE_S):
                reply = await self._script(keys=_KEYS, args=[json.dumps(asked)])
        except (RedisError, OSError, TimeoutError) as error:
            # If it was heard all the same, saying it twice does no harm: each attempt is judged once.
            self.give_back(notes)
            self._is_out = True
            raise Unavailable("redis", type(error).__name__) from error
        epoch, self._revision = _text(reply[0]), int(reply[1])
        if self._is_out or self._epoch not in {"", epoch}:
            # It may have forgotten, and may have had to hear of old failures late.
            self.remember_cooldowns()
        self._epoch, self._is_out = epoch, False
        self._heard_at_s = self._clock.now_s()
        # What was dropped as too old is not known there, and no longer here either.
        self.be_told({**dict.fromkeys(names, sums.UNHEARD), **_read_states(reply[2::2], reply[3::2])})
        self.sweep()
        return len(taken)


async def read_states(redis: Redis) -> dict[DeploymentName, State]:
    """What all workers together know, by the deployment's name.

    Raises:
        Unavailable: Redis did not answer in time.
    """
    try:
        async with asyncio.timeout(_DEADLINE_S):
            found = await redis.hgetall(_KEYS[0])
    except (RedisError, OSError, TimeoutError) as error:
        raise Unavailable("redis", type(error).__name__) from error
    return _read_states(list(found.keys()), list(found.values()))


def _read_script() -> str:
    return (resources.files("extproc.adapters") / "redis_health.lua").read_text(encoding="utf-8")


def _rules(policy: RoutingPolicy) -> dict[str, float]:
    return {
        "allowed_fails": policy.allowed_fails,
        "cooldown": policy.cooldown_s,
        "max_cooldown": policy.max_cooldown_s,
        "half_token": sums.FIRST_TOKEN_HALF_LIFE_S,
        "half_error": sums.ERROR_HALF_LIFE_S,
        "slot": sums.SLOT_S,
        "slots": sums.SLOTS,
        "keep": KEEP_S,
        "jitter": sums.JITTER,
        "max_rung": sums.MAX_RUNG,
        "max_retry_after": sums.MAX_RETRY_AFTER_S,
        "forget": sums.FORGET_S,
        "expire": _EXPIRE_S,
    }


def _written(fact: Fact) -> list[object]:
    match fact:
        case Started(exchange, plan, tokens, deadline_s, at_s):
            return ["started", exchange, at_s, plan, tokens, deadline_s]
        case Ended(exchange, deployment, verdict, at_s):
            letters = {
                "j": verdict.judgement,
                "c": verdict.trouble,
                "r": verdict.retry_after_s,
                "t": verdict.first_token_s,
                "x": verdict.is_credential or None,
                "l": verdict.is_last or None,
                "d": verdict.draw,
            }
            # cjson's null is a value of its own, which is true.
            return ["ended", exchange, at_s, deployment, {k: v for k, v in letters.items() if v is not None}]
        case Metered(exchange, deployment, tokens, at_s):
            return ["metered", exchange, at_s, deployment, tokens]
        case Finished(exchange, at_s):
            return ["finished", exchange, at_s]
        case Probing(deployment, until_s, at_s):
            return ["probing", deployment, at_s, until_s]
        case Cooling(deployment, until_s, trouble, rung, at_s):
            return ["cooling", deployment, at_s, until_s, trouble, rung]


def _read_states(names: list[bytes | str], states: list[bytes | str]) -> dict[DeploymentName, State]:
    """Those that can be read: another version, or anybody who reaches Redis, may have written them."""
    found: dict[DeploymentName, State] = {}
    for name, written in zip(names, states, strict=True):
        try:
            found[DeploymentName(_text(name))] = _read_state(json.loads(written))
        except (ValueError, TypeError, KeyError, RecursionError):
            structlog.get_logger("extproc.health").warning("health_unreadable", size_bytes=len(written))
    return found


def _read_state(said: dict[str, Any]) -> State:
    return State(
        failures=int(said["f"]),
        rung=int(said["k"]),
        cooldown_until_s=float(said["u"]),
        trouble=Trouble(said["c"]) if "c" in said else None,
        bad=float(said["b"]),
        judged=float(said["j"]),
        token_sum_s=float(said["s"]),
        token_weight=float(said["w"]),
        faded_at_s=float(said["a"]),
        probe_until_s=float(said["p"]),
        rejected_at_s=float(said["x"]),
        heard_at_s=float(said["h"]),
        in_flight=int(said["n"]),
        # An empty table of Lua's may come as an empty object.
        slots=tuple((int(slot), int(had), int(spent)) for slot, had, spent in said["r"] or ()),
    )


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
