"""docs/health.md says what the code does."""

import re
from pathlib import Path

from extproc.adapters import redis_health
from extproc.model.routing import RoutingPolicy
from extproc.policy.blame import judge_attempt
from extproc.policy.flights import KEEP_S
from extproc.policy.health import ERROR_HALF_LIFE_S, FIRST_TOKEN_HALF_LIFE_S, FORGET_S, MAX_RETRY_AFTER_S, Judgement
from tests.contracts.health_fleet import attempt_of

TEXT = (Path(__file__).parents[2] / "docs/health.md").read_text()


def test_the_flags_that_are_said_to_count_do_and_the_others_do_not() -> None:
    rows = [line for line in TEXT.splitlines() if re.search(r"`[A-Z]{2,3}`", line) and line.startswith("|")]
    assert len(rows) == 4
    for row in rows:
        counts = row.rstrip("| ").endswith("failure")
        for flag in re.findall(r"`([A-Z]{2,3})`", row):
            verdict = judge_attempt(attempt_of("x", flag), 0.5)
            assert verdict is not None
            assert (verdict.judgement is Judgement.BAD) == counts, flag


def test_the_defaults_and_times_are_those_of_the_code() -> None:
    policy = RoutingPolicy()
    told = f"`allowed_fails` ({policy.allowed_fails}), `cooldown_s` ({policy.cooldown_s:g})"
    assert f"{told} and `max_cooldown_s` ({policy.max_cooldown_s:g})" in TEXT
    assert (FIRST_TOKEN_HALF_LIFE_S, ERROR_HALF_LIFE_S, FORGET_S, KEEP_S, MAX_RETRY_AFTER_S) == (30, 60, 600, 15, 3600)


def test_every_key_in_redis_is_named() -> None:
    assert sorted(re.findall(r"^\| `(extproc:[a-z{}:]+)`", TEXT, re.MULTILINE)) == sorted(redis_health._KEYS)
