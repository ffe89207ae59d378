"""``extproc models`` as it is typed, against a real Postgres."""

import asyncio
import json
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from extproc.adapters.postgres_keys import PostgresKeys
from extproc.adapters.postgres_pool import open_pool
from extproc.adapters.postgres_uses import PostgresUses
from extproc.model.identity import VirtualKey
from extproc.model.ids import DeploymentName, ModelName
from extproc.model.keys import Deed, NewKey
from extproc.model.uses import Count, Use
from tests.samples import digest_of, make_key, make_token
from tests.unit.cli.scripted_admin import typed

TODAY = datetime.now(UTC).date()


def write_config(directory: Path, retires_on: date | None = None) -> Path:
    ending = "" if retires_on is None else f", retires_on: {retires_on}"
    path = directory / "gateway.yaml"
    path.write_text(
        f"""
deployments:
  - {{name: old, base_url: "http://127.0.0.1:9/v1", upstream_model: m-1, labels: {{residency: eu}}{ending}}}
  - {{name: new, base_url: "http://127.0.0.1:8/v1", upstream_model: m-2}}
groups:
  - {{name: small, strategy: least_busy, members: [{{deployment: old}}, {{deployment: new}}]}}
  - {{name: large, members: [{{deployment: new}}], fallbacks: [small]}}
models:
  - {{name: chat, group: small}}
  - {{name: auto, auto: {{cheap: small, premium: large}}}}
  - {{name: plain, deployments: [new]}}
"""
    )
    return path


@pytest.fixture
def key(postgres_dsn: str) -> VirtualKey:
    """A key that used ``chat`` by ``old`` twice today and by ``new`` once, forty days ago."""
    made = make_key()

    async def fill() -> None:
        async with open_pool(postgres_dsn) as pool:
            new = NewKey(made, digest_of(make_token()))
            await PostgresKeys(pool).add(new, Deed("ada", "CHG-1"), may_create_project=True)
            past = time.time() - 40 * 86_400
            await PostgresUses(pool).add(
                {
                    Use(TODAY, made.id, ModelName("chat"), DeploymentName("old")): Count(2, time.time()),
                    Use(
                        datetime.fromtimestamp(past, UTC).date(), made.id, ModelName("chat"), DeploymentName("new")
                    ): Count(1, past),
                }
            )

    asyncio.run(fill())
    return made


def test_models_are_listed_with_everything_that_may_answer(tmp_path: Path) -> None:
    config = str(write_config(tmp_path, date(2027, 3, 31)))
    told = {each["model"]: each for each in json.loads(typed("models", "list", "--json", "--config", config).stdout)}
    assert {name: each["target"] for name, each in told.items()} == {
        "chat": "group small",
        "auto": "auto: small or large",
        "plain": "its own",
    }
    assert told["chat"]["deployments"][0] == {
        "name": "old",
        "dialect": "openai",
        "upstream_model": "m-1",
        "labels": {"residency": "eu"},
        "retires_on": "2027-03-31",
    }
    small = {"name": "small", "strategy": "least_busy", "deployments": ["old", "new"], "fallbacks": []}
    assert told["chat"]["groups"] == [small]
    assert [group["name"] for group in told["auto"]["groups"]] == ["small", "large"]
    shown = typed("models", "list", "--config", config).stdout
    for word in ("group small", "least_busy", "residency: eu", "2027-03-31", "auto: small or large"):
        assert word in shown


def test_a_use_names_who_answers_for_the_key(postgres_dsn: str, key: VirtualKey) -> None:
    here = {"EXTPROC_POSTGRES_DSN": postgres_dsn}
    (use,) = json.loads(typed("models", "usage", "--json", **here).stdout)
    assert use.pop("last_used_at").startswith(str(TODAY)[:4])
    assert use == {
        "key": key.id,
        "state": "live",
        "owner": "owner@acme.example",
        "organisation": "acme",
        "team": "search",
        "project": "ranking",
        "environment": "test",
        "tags": ["batch"],
        "model": "chat",
        "deployment": "old",
        "requests": 2,
    }
    shown = typed("models", "usage", **here).stdout
    for word in (key.id, "owner@acme.example", "acme/search/ranking (test)", "[batch]", "chat", "by old"):
        assert word in shown


def test_uses_are_narrowed_by_time_model_and_deployment(postgres_dsn: str, key: VirtualKey) -> None:
    def told(*words: str) -> list[str]:
        done = typed("models", "usage", "--json", *words, EXTPROC_POSTGRES_DSN=postgres_dsn)
        assert done.exit_code == 0, done.stderr
        return [use["deployment"] for use in json.loads(done.stdout)]

    assert told() == ["old"]
    assert told("--since", "60d") == ["old", "new"]
    assert told("--since", "60d", "--deployment", "new") == ["new"]
    assert told("--since", "60d", "--model", "other") == []
    assert "No key used it" in typed("models", "usage", "--model", "x", EXTPROC_POSTGRES_DSN=postgres_dsn).stdout


def test_retiring_shows_who_uses_what_ends_and_nothing_else(postgres_dsn: str, key: VirtualKey, tmp_path: Path) -> None:
    here = {"EXTPROC_POSTGRES_DSN": postgres_dsn}
    config = str(write_config(tmp_path, TODAY + timedelta(days=200)))
    usage = ("models", "usage", "--retiring", "--since", "60d", "--config", config)
    assert typed(*usage, **here).stdout == "No deployment retires within 60 days.\n"
    assert json.loads(typed(*usage, "--json", **here).stdout) == []
    write_config(tmp_path, TODAY - timedelta(days=2))
    shown = typed(*usage, **here).stdout
    assert f"old retired 2 days ago ({TODAY - timedelta(days=2)}); asked for as chat, auto; in small" in shown
    assert "owner@acme.example" in shown
    assert [use["deployment"] for use in json.loads(typed(*usage, "--json", **here).stdout)] == ["old"]
    assert typed(*usage, "--deployment", "new", **here).exit_code == 2


def test_what_goes_wrong_is_one_line_and_an_exit_code(empty_postgres_dsn: str, tmp_path: Path) -> None:
    away = typed("models", "usage", EXTPROC_POSTGRES_DSN="postgresql://nobody@127.0.0.1:1/none")
    assert (away.exit_code, away.stderr.count("\n")) == (3, 1)
    behind = typed("models", "usage", EXTPROC_POSTGRES_DSN=empty_postgres_dsn)
    assert (behind.exit_code, "extproc migrate" in behind.stderr) == (3, True)
    assert typed("models", "list", EXTPROC_POSTGRS_DSN="x").exit_code == 2
    missing = typed("models", "list", "--config", str(tmp_path / "none.yaml"))
    assert (missing.exit_code, "No such file" in missing.stderr) == (1, True)


def test_each_deployments_price_is_shown_with_who_says_so(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(
        """
deployments:
  - {name: a, base_url: "https://api.openai.com/v1", upstream_model: gpt-5.5, credential: {path: p/x, field: key}}
  - {name: b, base_url: "http://10.0.0.1/v1", upstream_model: own}
  - {name: c, base_url: "http://10.0.0.1/v1", upstream_model: own,
     price: {input_per_million_usd: 0.25, per_request_usd: 0.005}}
models: [{name: m, deployments: [a, b, c]}]
"""
    )
    told = typed("models", "prices", "--config", str(path))
    assert told.exit_code == 0
    for words in ("input 5.000", "above 272000", "not checked", "prices.yaml", "no price", "0.250", "0.005000000 USD"):
        assert words in told.stdout
    listed = json.loads(typed("models", "prices", "--config", str(path), "--json").stdout)
    assert [each["deployment"] for each in listed] == ["a", "b", "c"]
    assert (listed[0]["price"]["input_nano_usd"], listed[0]["price"]["long"]["output_nano_usd"]) == (5000, 45_000)
    assert listed[0]["source"].startswith("https://")
    assert listed[1]["price"] is None
    assert (listed[2]["origin"], listed[2]["price"]["request_nano_usd"]) == ("gateway.yaml", 5_000_000)
