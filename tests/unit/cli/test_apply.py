"""``extproc apply`` as it is typed, against real Postgres and Valkey."""

import json
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

from extproc.cli.main import main
from tests.servers import Valkey

DEED = ("--change", "CHG-1", "--approver", "grace", "--actor", "ada")
BASE = """
deployments:
  - {name: a, base_url: "http://127.0.0.1:8000", upstream_model: m-1}
models:
  - {name: m, deployments: [a]}
"""
LIMITS = """
budgets:
  - {id: acme-month, scope: {organisation: acme}, amount_usd: 2500, window: month}
rates:
  - {id: acme-rate, scope: {organisation: acme, each: key}, requests_per_minute: 60}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.yaml"
    path.write_text(BASE + LIMITS)
    return path


@pytest.fixture
def variables(postgres_dsn: str, valkey_url: str, file: Path) -> dict[str, str]:
    return {"EXTPROC_POSTGRES_DSN": postgres_dsn, "EXTPROC_REDIS_URL": valkey_url, "EXTPROC_CONFIG": str(file)}


def run(variables: dict[str, str], *words: str, answer: str | None = None) -> Result:
    return CliRunner(env={**variables, "COLUMNS": "200"}).invoke(main, ["apply", *words], input=answer)


def log_of(variables: dict[str, str]) -> list[tuple[object, ...]]:
    with psycopg.connect(variables["EXTPROC_POSTGRES_DSN"]) as connection:
        return connection.execute("select seq, actor, action, subject, approval from admin_log order by seq").fetchall()


def test_a_file_is_applied_once_and_every_change_is_in_the_log(variables: dict[str, str]) -> None:
    first = run(variables, *DEED, "--yes")
    assert first.exit_code == 0, first.output
    assert "+ acme-month  2500 USD a month (UTC), hard for acme" in first.stdout
    assert "+ acme-rate  60 requests/min for acme, each key" in first.stdout
    assert "Plan: 2 to add, 0 to change, 0 to remove." in first.stdout
    approval = "CHG-1, approved by grace"
    assert log_of(variables) == [
        (1, "ada", "limit.set", "limit:acme-month", approval),
        (2, "ada", "limit.set", "limit:acme-rate", approval),
    ]
    again = run(variables, *DEED, "--yes")
    assert (again.exit_code, again.stdout) == (0, "No changes: what is in force is what the file declares.\n")
    assert len(log_of(variables)) == 2


def test_the_plan_shows_what_is_now_and_what_would_be_and_changes_nothing(
    variables: dict[str, str], file: Path
) -> None:
    assert run(variables, *DEED, "--yes").exit_code == 0
    assert run(variables, "--plan-only").exit_code == 0
    changed = LIMITS.replace("2500, window: month", "3000.5, window: day").replace("id: acme-rate", "id: acme-key-rate")
    file.write_text(BASE + changed)
    plan = run(variables, "--plan-only")
    assert plan.exit_code == 2
    shown = [line.strip() for line in plan.stdout.splitlines() if line.strip()]
    assert shown == [
        "+ acme-key-rate  60 requests/min for acme, each key",
        "~ acme-month  3000.5 USD a day (UTC), hard for acme",
        "amount_usd: 2500 → 3000.5",
        "window: month → day",
        "what was used until now does not count any more",
        "- acme-rate  60 requests/min for acme, each key",
        "Plan: 1 to add, 1 to change, 1 to remove.",
    ]
    assert len(log_of(variables)) == 2


def test_without_yes_it_asks_and_no_changes_nothing(variables: dict[str, str]) -> None:
    for answer in ("n\n", "", "\n"):
        refused = run(variables, *DEED, answer=answer)
        assert refused.exit_code == 1
        assert "Apply this?" in refused.output
    assert log_of(variables) == []
    assert run(variables, *DEED, answer="y\n").exit_code == 0
    assert len(log_of(variables)) == 2


def test_what_was_set_by_hand_stays(variables: dict[str, str]) -> None:
    by_hand = ("set", "night", "--organisation", "acme", "--concurrent", "3", *DEED)
    assert CliRunner(env=variables).invoke(main, ["budgets", *by_hand]).exit_code == 0
    result = run(variables, *DEED, "--yes")
    assert "= night  set by hand, in no file: it stays" in result.stdout
    assert "Plan: 2 to add, 0 to change, 0 to remove." in result.stdout


def test_json_has_the_plan_and_what_became_of_it(variables: dict[str, str]) -> None:
    planned = run(variables, "--plan-only", "--json")
    assert planned.exit_code == 2
    said = json.loads(planned.stdout)
    assert (said["base"], said["is_applied"], [each["id"] for each in said["add"]]) == (
        0,
        False,
        ["acme-month", "acme-rate"],
    )
    applied = json.loads(run(variables, *DEED, "--yes", "--json").stdout)
    assert (applied["is_applied"], applied["version"], applied["is_announced"]) == (True, 2, True)
    nothing = json.loads(run(variables, *DEED, "--yes", "--json").stdout)
    assert (nothing["is_applied"], nothing["add"], nothing["change"], nothing["remove"]) == (False, [], [], [])


@pytest.mark.parametrize("words", [(), DEED[:2], DEED[2:], (*DEED, "--json")])
def test_no_change_without_its_approval_and_no_question_in_json(
    variables: dict[str, str], words: tuple[str, ...]
) -> None:
    assert run(variables, *words).exit_code == 2
    assert log_of(variables) == []


def test_a_file_with_mistakes_changes_nothing(variables: dict[str, str], file: Path) -> None:
    file.write_text(BASE + LIMITS.replace("window: month", "window: fortnight"))
    result = run(variables, *DEED, "--yes")
    assert result.exit_code == 1
    assert "budgets[0].window" in result.stderr
    assert log_of(variables) == []


def test_an_id_that_would_change_its_unit_is_exit_code_1(variables: dict[str, str], file: Path) -> None:
    assert run(variables, *DEED, "--yes").exit_code == 0
    file.write_text(BASE + LIMITS.replace("amount_usd: 2500", "tokens: 2500"))
    result = run(variables, *DEED, "--yes")
    assert result.exit_code == 1
    assert "acme-month counts money, and an id keeps its unit" in result.stderr


def test_postgres_away_is_one_line_and_exit_code_3(variables: dict[str, str]) -> None:
    away = variables | {"EXTPROC_POSTGRES_DSN": "postgresql:///x?host=/nowhere"}
    result = run(away, *DEED, "--yes")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "postgres unavailable" in result.stderr


def test_redis_away_delays_the_workers_and_nothing_else(variables: dict[str, str], own_valkey: Valkey) -> None:
    own_valkey.kill()
    result = run(variables | {"EXTPROC_REDIS_URL": own_valkey.url}, *DEED, "--yes")
    assert result.exit_code == 0
    assert "Redis could not be told" in result.stderr
    assert len(log_of(variables)) == 2
