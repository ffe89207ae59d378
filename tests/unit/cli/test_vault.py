"""The command against a scripted Vault: what it shows, what it gives back, what its exit codes mean."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from extproc.cli.vault import command
from extproc.model.credentials import Engine, Source
from extproc.model.vault_state import SourceState, VaultState
from extproc.operations.vault_state import write_state
from tests.scripted_vault import ScriptedVault, TokenEndpoints, aws_keys, serving

GATEWAY = """
deployments:
- {{name: openai, base_url: "https://a.example/v1", upstream_model: m, credential: {{path: providers/openai}}}}
- {{name: open, base_url: "http://127.0.0.1:9/v1", upstream_model: m}}
- name: aws
  dialect: bedrock
  base_url: "https://b.example"
  options: {{region: eu-west-1}}
  upstream_model: m
  credential: {{lease: aws/sts/bedrock}}
- name: gcp
  dialect: vertex
  base_url: "https://v.example"
  options: {{project: p, location: global}}
  upstream_model: m
  credential: {{path: providers/vertex, google: {{token_url: "{google_url}"}}}}
models: [{{name: m, deployments: [openai, open, aws, gcp]}}]
"""
SECRETS = ("sk-canary", "ASIA0", "secret/+", "session+", "minted-", "token-", "pepper-canary", "PRIVATE KEY", "key-1")

Check = Callable[..., Result]


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[ScriptedVault]:
    played, endpoints = ScriptedVault(time.time), TokenEndpoints(time.time)
    with serving(played), serving(endpoints):
        played.engines["aws/sts/bedrock"] = aws_keys
        played.kv = {
            "gateway/pepper": {"value": "pepper-canary"},
            "providers/openai": {"api_key": "sk-canary"},
            "providers/vertex": dict(endpoints.key_file()),
        }
        (tmp_path / "gateway.yaml").write_text(GATEWAY.format(google_url=endpoints.google_url))
        yield played


@pytest.fixture
def check(vault: ScriptedVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    for name in ("role", "secret"):
        (tmp_path / name).write_text("x")
    values = {
        "CONFIG": tmp_path / "gateway.yaml",
        "RUN_DIR": tmp_path,
        "VAULT_ADDR": vault.address,
        "VAULT_ROLE_ID_FILE": tmp_path / "role",
        "VAULT_SECRET_ID_FILE": tmp_path / "secret",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"EXTPROC_{name}", str(value))
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *words: CliRunner().invoke(command, ["check", *words])


def rows(done: Result) -> dict[str | None, dict[str, Any]]:
    return {row["deployment"]: row for row in json.loads(done.stdout)["credentials"]}


def test_every_deployment_is_told_with_its_source_its_age_and_its_end_and_never_its_value(check: Check) -> None:
    done = check()
    assert done.exit_code == 0, done.output
    for said in ("kv providers/openai#api_key", "lease aws/sts/bedrock#access_key_id,secret_access_key"):
        assert said in done.stdout
    assert "kv → google token providers/vertex" in done.stdout
    assert "kv gateway/pepper#value" in done.stdout
    assert "approle at auth/approle, token ends in" in done.stdout
    assert "policies default, workers" in done.stdout
    assert "no worker is running here" in done.stdout
    assert " open " not in done.stdout, "it has no credential"


def test_a_script_gets_the_same_as_json(check: Check) -> None:
    done = check("--json")
    assert done.exit_code == 0
    found = rows(done)
    assert found.keys() == {None, "openai", "aws", "gcp"}
    aws = found["aws"]
    assert (aws["kind"], aws["path"]) == ("lease", "aws/sts/bedrock")
    assert aws["check"]["is_renewable"]
    assert 800 < aws["check"]["ends_in_s"] <= 900
    assert found["openai"]["check"]["ends_in_s"] is None
    assert found["openai"]["check"]["usable_for_s"] > 80_000
    assert json.loads(done.stdout)["check"]["login"]["policies"] == ["default", "workers"]


def test_no_value_nor_a_piece_of_one_is_ever_shown(check: Check) -> None:
    said = "".join(check(*words).output for words in ((), ("--json",)))
    assert [secret for secret in SECRETS if secret in said] == []


def test_what_was_leased_for_the_question_is_given_back(check: Check, vault: ScriptedVault) -> None:
    check()
    assert vault.count("GET /v1/aws/sts/bedrock") == 1
    assert vault.leases == vault.tokens == {}


def test_a_credential_that_cannot_be_had_is_named_with_exit_code_1(check: Check, vault: ScriptedVault) -> None:
    del vault.kv["providers/openai"]
    del vault.engines["aws/sts/bedrock"]
    done = check()
    assert done.exit_code == 1
    assert "providers/openai#api_key: there is no such secret" in done.stdout
    assert "permission denied" in done.stdout
    assert rows(check("--json"))["gcp"]["check"]["is_usable"], "one that is bad hid one that is well"


def test_a_sealed_vault_is_exit_code_3_and_costs_one_question(check: Check, vault: ScriptedVault) -> None:
    vault.is_sealed = True
    done = check("--json")
    assert done.exit_code == 3
    assert "sealed" in done.stdout
    assert len(vault.asked) == 1


def test_a_vault_that_is_not_there_is_exit_code_3(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXTPROC_VAULT_ADDR", "http://127.0.0.1:1")
    assert check().exit_code == 3


def test_mistakes_are_exit_code_2(check: Check, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EXTPROC_VAULT_AUTH", "ldap")
    assert check().exit_code == 2
    (tmp_path / "gateway.yaml").write_text("workers: 0")
    assert check().exit_code == 2


def worker(tmp_path: Path, index: int, *, out_for_s: float | None = None, trouble: str = "") -> None:
    now_s = time.time()
    kv = SourceState(Source("providers/openai"), now_s - 125, None, now_s + 500, is_renewable=False, trouble=trouble)
    lease = Source("aws/sts/bedrock", Engine.LEASE)
    out_since_s = None if out_for_s is None else now_s - out_for_s
    state = VaultState(now_s, out_since_s, None, (kv, SourceState(lease, now_s, now_s + 9, now_s + 9, True, "")))
    write_state(tmp_path, index, state)


def test_the_workers_say_what_they_hold(check: Check, tmp_path: Path) -> None:
    worker(tmp_path, 0)
    worker(tmp_path, 1)
    done = check()
    assert done.exit_code == 0
    assert "2 of 2, 2 m old" in done.stdout
    assert "0 of 2" in done.stdout, "the one that no worker holds"
    assert [each["worker"] for each in rows(check("--json"))["openai"]["workers"]] == [0, 1]


def test_an_outage_that_a_worker_is_in_is_seen_although_the_vault_is_back(check: Check, tmp_path: Path) -> None:
    worker(tmp_path, 0)
    worker(tmp_path, 1, out_for_s=600, trouble="the vault is sealed")
    done = check()
    assert done.exit_code == 1
    assert "worker 1: no vault for 10 m; it serves from memory" in done.stdout
    assert "the vault is sealed" in done.stdout


def test_the_workers_alone_can_be_asked_and_nothing_is_leased(
    check: Check, vault: ScriptedVault, tmp_path: Path
) -> None:
    assert check("--workers-only").exit_code == 3
    worker(tmp_path, 0)
    assert check("--workers-only").exit_code == 0
    worker(tmp_path, 0, out_for_s=5)
    assert check("--workers-only").exit_code == 3
    worker(tmp_path, 1)
    assert check("--workers-only").exit_code == 1
    assert vault.asked == []
