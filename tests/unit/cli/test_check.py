import json
from pathlib import Path

from click.testing import CliRunner

from extproc.cli.check import command

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
