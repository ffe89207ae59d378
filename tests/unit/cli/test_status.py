"""What status makes of Envoy's answers. ``e2e/test_local_stack`` has a real one."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from extproc.cli import status
from extproc.local.processes import me
from extproc.local.state import Record, StateDir, write_private
from extproc.operations.envoy_admin import stats
from tests.unit.cli.scripted_admin import ScriptedAdmin, typed

LISTENERS = {
    "listener_statuses": [
        {"name": "gateway", "local_address": {"socket_address": {"address": "127.0.0.1", "port_value": 8080}}}
    ]
}
CLUSTERS = {
    "cluster_statuses": [
        {
            "name": "deployment.a.b-1",
            "host_statuses": [
                {
                    "address": {"socket_address": {"address": "10.0.0.1", "port_value": 443}},
                    "stats": [{"name": "rq_total", "value": "7"}, {"name": "rq_error", "value": "2"}],
                    "health_status": {"failed_active_health_check": True},
                }
            ],
        },
        {"name": "deny"},
    ]
}
REQUESTS = {"http.gateway.downstream_rq_total": 9, "http.gateway.downstream_rq_5xx": 1}
RETRIES = {
    "cluster.deployment.a.b-1.upstream_rq_total": 7,
    "cluster.deployment.a.b-1.upstream_rq_retry": 2,
    "cluster.deployment.c.upstream_rq_total": 1,
}
EXT_PROC = {
    "http.gateway.ext_proc.admission.streams_failed": 3,
    "cluster.deployment.a.ext_proc.delivery.streams_failed": 4,
    "cluster.deployment.c.ext_proc.delivery.streams_failed": 5,
    "cluster.deployment.c.ext_proc.delivery.message_timeouts": 6,
}


@pytest.fixture
def envoy(admin: ScriptedAdmin) -> ScriptedAdmin:
    admin.answers["/listeners"] = json.dumps(LISTENERS)
    admin.answers["/clusters"] = json.dumps(CLUSTERS)
    for pattern, counters in ((status._REQUESTS, REQUESTS), (status._RETRIES, RETRIES), (status._EXT_PROC, EXT_PROC)):
        found = [{"name": name, "value": value} for name, value in counters.items()]
        admin.answers[stats(pattern).path] = json.dumps({"stats": found})
    return admin


def test_counters_are_told_by_deployment_and_by_door(envoy: ScriptedAdmin) -> None:
    result = typed("status", "--json", "--admin", envoy.url)
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert told["requests"] == {"downstream_rq_total": 9, "downstream_rq_5xx": 1}
    # A deployment's name may have dots, a counter's has none.
    assert told["retries"] == {"a.b-1": {"upstream_rq_total": 7, "upstream_rq_retry": 2}, "c": {"upstream_rq_total": 1}}
    assert told["ext_proc"] == {
        "admission": {"streams_failed": 3},
        "delivery": {"streams_failed": 9, "message_timeouts": 6},
    }
    assert told["listeners"] == [{"name": "gateway", "address": "127.0.0.1:8080"}]
    assert [cluster["name"] for cluster in told["clusters"]] == ["deployment.a.b-1", "deny"]


def test_each_part_names_the_call_it_comes_from(envoy: ScriptedAdmin) -> None:
    told = json.loads(typed("status", "--json", "--admin", envoy.url).stdout)
    shown = typed("status", "--admin", envoy.url).stdout
    assert set(told["calls"]) == {"listeners", "clusters", "requests", "retries", "ext_proc"}
    for call in told["calls"].values():
        assert call in shown
        assert f"GET {call.removesuffix(chr(39)).partition(envoy.url)[2]}" in envoy.calls


def test_a_sick_endpoint_says_why_and_an_empty_cluster_that_it_is_meant(envoy: ScriptedAdmin) -> None:
    lines = typed("status", "--admin", envoy.url).stdout.splitlines()
    (sick,) = (line for line in lines if "10.0.0.1:443" in line)
    assert sick.split() == ["deployment.a.b-1", "10.0.0.1:443", "failed_active_health_check", "7", "2"]
    (empty,) = (line for line in lines if line.startswith("deny"))
    assert "none, on purpose" in empty


def test_an_envoy_that_is_not_ready_is_exit_code_1_with_everything_it_said(envoy: ScriptedAdmin) -> None:
    envoy.answers["/ready"] = "DRAINING\n"
    as_json, as_table = typed("status", "--json", "--admin", envoy.url), typed("status", "--admin", envoy.url)
    assert (as_json.exit_code, as_table.exit_code) == (1, 1)
    assert json.loads(as_json.stdout)["is_ready"] is False
    assert "Envoy is not ready" in as_table.stdout
    assert "10.0.0.1:443" in as_table.stdout


def test_an_envoy_that_does_not_answer_is_exit_code_3_and_no_half_answer(envoy: ScriptedAdmin) -> None:
    del envoy.answers["/clusters"]
    for words in (("status",), ("status", "--json")):
        result = typed(*words, "--admin", envoy.url)
        assert (result.exit_code, result.stdout) == (3, "")
        assert "extproc status: envoy admin unavailable" in result.stderr


def test_a_script_gets_the_local_stacks_address_and_key_but_only_of_its_own_envoy(
    envoy: ScriptedAdmin, tmp_path: Path
) -> None:
    state = StateDir(tmp_path)
    state.create()
    record = Record(me(), tmp_path, base_url="http://127.0.0.1:8080/v1", admin_url=envoy.url, environment={})
    record.write(state.record)
    write_private(state.virtual_key, json.dumps({"id": "key_1", "key": "gk_local_x"}))
    here = json.loads(typed("status", "--json", "--state-dir", str(tmp_path)).stdout)
    assert (here["base_url"], here["virtual_key"]) == ("http://127.0.0.1:8080/v1", "gk_local_x")
    named = typed("status", "--json", "--admin", envoy.url, "--state-dir", str(tmp_path)).stdout
    assert "gk_local_x" not in named
    assert "base_url" not in json.loads(named)


def test_a_journal_that_cannot_be_asked_costs_only_its_own_count(envoy: ScriptedAdmin, tmp_path: Path) -> None:
    away = {"EXTPROC_ENVOY_ADMIN": envoy.url, "EXTPROC_REDIS_URL": "unix:///nowhere/redis.sock"}
    result = typed("status", "--json", "--state-dir", str(tmp_path), **away)
    assert result.exit_code == 0
    assert json.loads(result.stdout)["exchanges"] is None


def test_the_journals_count_is_shown_where_redis_has_it(envoy: ScriptedAdmin, tmp_path: Path, valkey_url: str) -> None:
    there = {"EXTPROC_ENVOY_ADMIN": envoy.url, "EXTPROC_REDIS_URL": valkey_url}
    told = json.loads(typed("status", "--json", "--state-dir", str(tmp_path), **there).stdout)
    assert told["exchanges"] == {"answered": 0, "refused": 0, "failed": 0, "abandoned": 0}
    assert "the journal's count" in typed("status", "--state-dir", str(tmp_path), **there).stdout


def test_what_retires_soon_is_shown_with_who_leads_to_it(envoy: ScriptedAdmin, tmp_path: Path) -> None:
    day = datetime.now(UTC).date() + timedelta(days=400)
    config = tmp_path / "gateway.yaml"
    here = {"EXTPROC_ENVOY_ADMIN": envoy.url, "EXTPROC_CONFIG": str(config)}
    text = "deployments: [{{name: a, base_url: 'http://127.0.0.1:9/v1', upstream_model: m, retires_on: {day}}}]\n"
    text += "models: [{{name: chat, deployments: [a]}}]\n"

    def told() -> object:
        return json.loads(typed("status", "--json", "--state-dir", str(tmp_path), **here).stdout)["retiring"]

    assert told() is None
    config.write_text(text.format(day=day))
    assert told() == []
    assert "retiring" not in typed("status", "--state-dir", str(tmp_path), **here).stdout
    day -= timedelta(days=390)
    config.write_text(text.format(day=day))
    row = {"deployment": "a", "retires_on": str(day), "days_left": 10, "models": ["chat"], "groups": []}
    assert told() == [row]
    lines = typed("status", "--state-dir", str(tmp_path), **here).stdout.splitlines()
    (shown,) = (line for line in lines if line.startswith("a  "))
    assert shown.split() == f"a retires in 10 days ({day}) chat -".split()
