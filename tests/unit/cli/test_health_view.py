"""What status says of the deployments' health."""

import asyncio
import json
import time
from pathlib import Path

import pytest
import yaml

from extproc.adapters.memory import MemoryClock
from extproc.adapters.redis_client import open_redis
from extproc.adapters.redis_health import RedisHealth
from extproc.cli.health_view import show_health, tell_health
from extproc.model.health import FRESH, Standing, Trouble
from extproc.model.ids import DeploymentName
from tests.contracts.health_fleet import MAIN, NAMES, attempt_of, catalog_of
from tests.e2e.rig import gateway_text
from tests.unit.cli.scripted_admin import ScriptedAdmin, typed

NOW_S = 1_800_000_000.0
A, B, C = DeploymentName("a"), DeploymentName("b"), DeploymentName("c")
STANDINGS = {
    A: FRESH,
    B: Standing(0.4567, 0.25, 4, 3, 60, 1200, NOW_S + 12.34, Trouble.RATE_LIMITED),
    C: Standing(failures=3, cooldown_until_s=NOW_S - 1, trouble=Trouble.FAILURES),
}


def test_each_deployment_is_healthy_or_cooling_or_half_open_with_the_reason() -> None:
    told = tell_health(STANDINGS, NOW_S)
    assert [(each.state, each.seconds_left, each.trouble) for each in told] == [
        ("healthy", 0.0, None),
        ("cooling", 12.3, "rate_limited"),
        ("half-open", 0.0, "failures"),
    ]


def test_the_table_says_how_long_and_why(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    show_health(tell_health(STANDINGS, NOW_S))
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[3] == "b cooling 12 s, rate limited 4 25% 0.46 s 3 60 1200"
    assert lines[4] == "c half-open, failures 3 0% - 0 0 0"


async def fill(url: str) -> None:
    async with open_redis(url) as redis:
        clock = MemoryClock(time.time())
        health = RedisHealth(redis, clock, lambda: catalog_of(*NAMES), lambda: 0.5, lambda _: None)
        for number in range(3):
            health.attempted(attempt_of(f"x{number}", "UF"))
        await health.sync()


def test_status_shows_what_redis_has_for_what_gateway_yaml_names(
    admin: ScriptedAdmin, tmp_path: Path, valkey_url: str
) -> None:
    asyncio.run(fill(valkey_url))
    config = tmp_path / "gateway.yaml"
    config.write_text(gateway_text(1, 1))
    there = {"EXTPROC_ENVOY_ADMIN": admin.url, "EXTPROC_REDIS_URL": valkey_url, "EXTPROC_CONFIG": str(config)}
    told = json.loads(typed("status", "--json", "--state-dir", str(tmp_path), **there).stdout)["health"]
    assert [each["deployment"] for each in told] == [
        each["name"] for each in yaml.safe_load(config.read_text())["deployments"]
    ]
    main = next(each for each in told if each["deployment"] == MAIN)
    assert (main["state"], main["trouble"], main["failures"]) == ("cooling", "failures", 3)
    assert "cooling" in typed("status", "--state-dir", str(tmp_path), **there).stdout


def test_a_redis_that_cannot_be_asked_costs_only_the_health(admin: ScriptedAdmin, tmp_path: Path) -> None:
    away = {"EXTPROC_ENVOY_ADMIN": admin.url, "EXTPROC_REDIS_URL": "unix:///nowhere/redis.sock"}
    result = typed("status", "--json", "--state-dir", str(tmp_path), **away)
    assert (result.exit_code, json.loads(result.stdout)["health"]) == (0, None)
    assert "cannot be told: redis unavailable" in typed("status", "--state-dir", str(tmp_path), **away).stdout
