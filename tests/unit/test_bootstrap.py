"""What the composition root decides itself. ``e2e`` and ``faults`` run what it composes."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from extproc import bootstrap
from extproc.adapters.memory import MemoryClock, MemoryVault
from extproc.adapters.memory_metrics import NoMeter
from extproc.adapters.redis_client import open_redis
from extproc.adapters.redis_health import RedisHealth
from extproc.bootstrap import PEPPER, Snapshot, open_key_desk, open_redis_of, open_vault
from extproc.bootstrap_cache import open_cache_room
from extproc.bootstrap_guard import open_guard_room
from extproc.config.environment import Environment, EnvironmentInvalid
from extproc.config.gateway import Gateway, load, parse
from extproc.model.catalog import CredentialRef
from extproc.model.exchange import AttemptRecord
from extproc.model.ids import DeploymentName, ExchangeId
from extproc.model.keys import Deed, KeyFilter, KeyProblem
from extproc.model.secret import Secret
from extproc.operations.keys import list_keys, revoke
from tests.samples import make_key
from tests.servers import eventually

ONE = """
deployments: [{name: a, base_url: "https://a.example/v1", upstream_model: m, credential: {path: providers/a}}]
models: [{name: m, deployments: [a]}]
"""
TWO = ONE.replace("providers/a", "providers/b")
A, B = CredentialRef("providers/a", "api_key"), CredentialRef("providers/b", "api_key")


# -- the catalog in force -----------------------------------------------------------------------------------------


def test_an_exchange_keeps_the_catalog_it_began_with_and_the_next_one_gets_the_new() -> None:
    first, second = parse(ONE, "one"), parse(TWO, "two")
    snapshot = Snapshot(first)
    begun = snapshot()
    snapshot.current = second.catalog
    assert begun is first.catalog
    assert snapshot() is second.catalog


def test_a_credential_that_was_not_taken_is_looked_for_again_if_its_deployment_is_still_there() -> None:
    vault = MemoryVault()
    on_rejected = bootstrap._reread(Snapshot(parse(ONE, "one")), vault)
    on_rejected(DeploymentName("a"))
    on_rejected(DeploymentName("gone"))
    assert vault.refused == [A]


async def test_the_health_of_deployments_is_what_all_workers_told_redis(valkey_url: str) -> None:
    environment = Environment(redis_url=valkey_url)
    assert await bootstrap.read_health(environment) == {}
    async with open_redis_of(environment) as redis:
        clock = bootstrap.SystemClock()
        snapshot = Snapshot(parse(ONE, "one"))
        health = RedisHealth(redis, clock, snapshot, lambda: 0.5, lambda _: None)
        health.attempted(AttemptRecord(ExchangeId("x1"), DeploymentName("a"), 0, "UF", 1))
        await health.sync()
    assert (await bootstrap.read_health(environment))[DeploymentName("a")].failures == 1


class FilledVault(MemoryVault):
    """Read on demand, like the real one: what is not there yet cannot be loaded."""

    loads: int = 0

    async def load(self, references: Iterable[CredentialRef]) -> None:
        self.loads += 1
        for reference in references:
            self.credential(reference)


@contextlib.asynccontextmanager
async def following(file: Path, gateway: Gateway, vault: FilledVault) -> AsyncIterator[Snapshot]:
    snapshot = Snapshot(gateway)
    clock = MemoryClock()
    async with (
        open_guard_room(gateway, vault, clock) as guard,
        open_redis("redis://127.0.0.1:1") as redis,
        open_cache_room(gateway, redis, vault, clock, NoMeter()) as cache,
    ):
        task = asyncio.create_task(bootstrap._follow(file, gateway, snapshot, vault, guard, cache))
        try:
            yield snapshot
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_new_configuration_waits_for_its_credentials_while_the_old_one_serves(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(ONE)
    gateway = load(file)
    vault = FilledVault({PEPPER: Secret("p"), A: Secret("a")})
    with capture_logs() as lines:
        async with following(file, gateway, vault) as snapshot:
            file.write_text(TWO)
            await eventually(lambda: any(line["event"] == "configuration_waits" for line in lines), "the word of it")
            await eventually(lambda: vault.loads >= 3, "another try")
            assert snapshot() is gateway.catalog
            vault.secrets[B] = Secret("b")
            await eventually(lambda: snapshot() is not gateway.catalog, "the new catalog")
            assert snapshot().version == load(file).catalog.version
            file.write_text("workers: 0")
            await eventually(lambda: lines[-1]["event"] == "configuration_invalid", "a later look")
    # Each is said once, however often it was looked at.
    assert [line["event"] for line in lines] == ["configuration_waits", "configuration_taken", "configuration_invalid"]


async def test_where_alerts_are_posted_changes_without_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(ONE)
    vault = FilledVault({PEPPER: Secret("p"), A: Secret("a")})
    async with following(file, load(file), vault) as snapshot:
        assert snapshot.alert_webhook is None
        file.write_text(ONE + "alerts: {webhook_url: https://alerts.example.com/budgets}")
        await eventually(lambda: snapshot.alert_webhook == "https://alerts.example.com/budgets", "the new address")


async def test_of_two_configurations_that_wait_the_newer_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(ONE)
    gateway = load(file)
    vault = FilledVault({PEPPER: Secret("p"), A: Secret("a")})
    with capture_logs() as lines:
        async with following(file, gateway, vault) as snapshot:
            file.write_text(TWO)
            await eventually(lambda: len(lines) == 1, "the wait")
            file.write_text(ONE.replace("name: m,", "name: other,"))
            await eventually(lambda: "other" in snapshot().models, "the newer one")
            vault.secrets[B] = Secret("b")
    assert [line["event"] for line in lines] == ["configuration_waits", "configuration_taken"]


async def test_a_bad_configuration_is_told_and_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(ONE)
    gateway = load(file)
    vault = FilledVault({PEPPER: Secret("p"), A: Secret("a")})
    with capture_logs() as lines:
        async with following(file, gateway, vault) as snapshot:
            file.write_text("workers: 0")
            await eventually(lambda: bool(lines), "the complaint")
            assert snapshot() is gateway.catalog
    assert lines[0]["event"] == "configuration_invalid"


# -- the log ------------------------------------------------------------------------------------------------------

_LOG = """
import sys, structlog
from extproc.bootstrap import configure_log
configure_log()
structlog.get_logger("x").warning("said", value=sys.argv[1], **{"key\\n\\x1b[31m": 1})
"""


@pytest.mark.parametrize("value", ["a\nb", 'a\r\n{"event": "forged"}', "\x1b[2J\x1b]0;t\x07", "\u2028\u0085x", "né"])
def test_what_a_caller_wrote_cannot_break_out_of_its_line(value: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LOG, value], capture_output=True, timeout=60, check=True, env=os.environ | {"LANG": "C"}
    )
    assert done.stdout == b""
    assert done.stderr.count(b"\n") == 1
    assert all(0x20 <= byte < 0x7F for byte in done.stderr.removesuffix(b"\n"))
    line = json.loads(done.stderr)
    assert (line["event"], line["value"], line["level"]) == ("said", value, "warning")
    assert line["timestamp"].endswith("Z")


# -- what the environment must say --------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [(), ("vault_role_id_file",), ("vault_secret_id_file",)])
async def test_a_vault_without_both_role_files_says_which_variables_to_set(tmp_path: Path, given: tuple[str]) -> None:
    environment = replace(Environment(), **dict.fromkeys(given, tmp_path / "file"))
    with pytest.raises(EnvironmentInvalid, match="EXTPROC_VAULT_ROLE_ID_FILE and EXTPROC_VAULT_SECRET_ID_FILE"):
        async with open_vault(environment, MemoryClock(), max_stale_s=1, refresh_s=1):
            pass


async def test_listing_and_revoking_keys_need_no_vault(postgres_dsn: str, valkey_url: str) -> None:
    environment = Environment(postgres_dsn=postgres_dsn, redis_url=valkey_url)
    async with open_key_desk(environment) as desk:
        assert await list_keys(desk, KeyFilter()) == ()
        with pytest.raises(KeyProblem, match="does not exist"):
            await revoke(desk, make_key().id, Deed("ada", "CHG-1"))
        with pytest.raises(EnvironmentInvalid, match="EXTPROC_VAULT_ROLE_ID_FILE"):
            await desk.pepper()


def test_a_password_file_that_cannot_be_read_is_named_by_its_variable(tmp_path: Path) -> None:
    environment = Environment(redis_password_file=tmp_path / "none")
    with pytest.raises(EnvironmentInvalid, match="EXTPROC_REDIS_PASSWORD_FILE cannot be read: No such file"):
        open_redis_of(environment)


async def test_the_redis_password_is_the_files_one_line(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("hunter2\n")
    async with open_redis_of(Environment(redis_password_file=file)) as redis:
        assert redis.connection_pool.connection_kwargs["password"] == "hunter2"


# -- what is derived from gateway.yaml ----------------------------------------------------------------------------


def test_a_worker_needs_the_pepper_and_every_credential_that_is_named() -> None:
    assert set(bootstrap.credentials_of(parse(ONE, "one"))) == {PEPPER, A}
    bare = parse(ONE.replace(", credential: {path: providers/a}", ""), "bare")
    assert set(bootstrap.credentials_of(bare)) == {PEPPER}


@pytest.mark.parametrize("admission_timeout_s", [0.1, 0.25, 0.5, 5.0, 60.0])
def test_our_own_answer_is_there_before_envoy_gives_up(admission_timeout_s: float) -> None:
    limits = bootstrap._limits(parse(f"limits: {{admission_timeout_s: {admission_timeout_s}}}\n{ONE}", "x"))
    assert 0 < limits.decide_s < admission_timeout_s
    assert limits.decide_s >= admission_timeout_s / 2


def test_a_body_and_an_answer_may_take_as_long_as_envoy_lets_them() -> None:
    gateway = parse(f"limits: {{request_timeout_s: 7, max_response_bytes: 4096}}\n{ONE}", "x")
    limits = bootstrap._limits(gateway)
    assert limits.body_s > 7
    assert limits.head_s == gateway.limits.stream_idle_timeout_s
    assert limits.max_response_bytes == 4096


def test_what_gateway_yaml_says_of_keys_is_what_the_cache_does() -> None:
    text = f"keys: {{poll_s: 0.1, max_cached: 11, max_unknown_cached: 12, unknown_ttl_s: 13}}\n{ONE}"
    policy = bootstrap._cache_policy(parse(text, "x"))
    assert (policy.poll_s, policy.most_keys, policy.most_unknown, policy.unknown_for_s) == (0.1, 11, 12, 13)
