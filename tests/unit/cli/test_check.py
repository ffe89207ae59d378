import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from click.testing import CliRunner

from extproc.cli.check import command, warn_of_retirements
from extproc.config.gateway import parse

_GOOD = """
deployments:
  - {name: a, base_url: "http://127.0.0.1:9/v1", upstream_model: m}
  - {name: b, base_url: "http://127.0.0.1:8/v1", upstream_model: m}
models: [{name: m, deployments: [a]}]
"""
_BAD = "workers: 0\nmodels: [{name: m, deployments: [x]}]\n"


def test_a_good_file_is_summed_up_with_its_warnings(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(_GOOD)
    result = CliRunner().invoke(command, [str(path)], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert "models: 1, deployments: 2" in result.stdout
    assert "deployments[1].name" in result.stdout
    assert "nothing uses 'b'" in result.stdout


def test_every_problem_is_a_row_and_the_exit_code_is_1(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(_BAD)
    result = CliRunner().invoke(command, [str(path)], env={"COLUMNS": "200"})
    assert result.exit_code == 1
    assert "3 problems" in result.stderr
    for where in ("workers", "deployments", "models[0].deployments[0]"):
        assert where in result.stderr


def test_json_is_the_same_for_scripts(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(_BAD)
    result = CliRunner().invoke(command, [str(path), "--json"])
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert {problem["path"] for problem in report["problems"]} == {
        "workers",
        "deployments",
        "models[0].deployments[0]",
    }
    assert all(set(problem) == {"path", "line", "message", "fix"} for problem in report["problems"])
    path.write_text(_GOOD)
    report = json.loads(CliRunner().invoke(command, [str(path), "--json"]).stdout)
    assert (report["problems"], len(report["warnings"])) == ([], 1)


def test_without_a_file_the_environment_names_it(tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(_GOOD)
    assert CliRunner().invoke(command, [], env={"EXTPROC_CONFIG": str(path)}).exit_code == 0
    assert CliRunner().invoke(command, [], env={"EXTPROC_CONFG": str(path)}).exit_code == 2


def test_a_file_that_is_missing_is_one_clear_row(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, [str(tmp_path / "none.yaml")], env={"COLUMNS": "300"})
    assert result.exit_code == 1
    assert "No such file" in result.stderr


def retiring(day: date) -> str:
    return f"""
deployments:
  - {{name: a, base_url: "http://127.0.0.1:9/v1", upstream_model: m}}
  - {{name: b, base_url: "http://127.0.0.1:8/v1", upstream_model: m, retires_on: {day}}}
groups: [{{name: g, members: [{{deployment: a}}, {{deployment: b}}]}}]
models: [{{name: m, group: g}}]
"""


def test_a_retirement_is_a_warning_from_sixty_days_before_that_names_who_leads_to_it() -> None:
    gateway, today = parse(retiring(date(2027, 3, 31)), "sample"), date(2027, 1, 30)
    (warning,) = warn_of_retirements(gateway, today)
    assert warning.path == "deployments[1].retires_on"
    assert warning.message == "b retires in 60 days (2027-03-31): asked for as m; in g"
    assert "extproc models usage --deployment b" in warning.fix
    assert warn_of_retirements(gateway, today - timedelta(days=1)) == ()
    assert "b retired 1 day ago" in warn_of_retirements(gateway, date(2027, 4, 1))[0].message


def test_a_retirement_is_shown_and_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(retiring(datetime.now(UTC).date() - timedelta(days=7)))
    result = CliRunner().invoke(command, [str(path)], env={"COLUMNS": "300"})
    assert (result.exit_code, "b retired 7 days ago" in result.stdout) == (0, True)
    report = json.loads(CliRunner().invoke(command, [str(path), "--json"]).stdout)
    assert [warning["path"] for warning in report["warnings"]] == ["deployments[1].retires_on"]


def test_a_hard_budget_in_money_makes_prices_a_matter(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    budget = "budgets: [{{id: one, scope: {{organisation: acme}}, amount_usd: 5, window: day, hard: {hard}}}]\n"

    def warned(text: str) -> list[str]:
        path.write_text(text)
        result = CliRunner().invoke(command, [str(path), "--json"])
        assert result.exit_code == 0
        return [warning["path"] for warning in json.loads(result.stdout)["warnings"]]

    assert warned(_GOOD) == warned(_GOOD + budget.format(hard="false")) == ["deployments[1].name"]
    prices = ["deployments[0].price", "deployments[1].price"]
    assert warned(_GOOD + budget.format(hard="true")) == ["deployments[1].name", *prices]
