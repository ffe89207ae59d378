import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from extproc.cli.render import command

_TEXT = """
workers: {workers}
deployments: [{{name: a, base_url: "http://127.0.0.1:9/v1", upstream_model: m}}]
models: [{{name: m, deployments: [a]}}]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.yaml"
    path.write_text(_TEXT.format(workers=1))
    return path


def _render(tmp_path: Path, config: Path, *more: str) -> Result:
    arguments = [str(tmp_path / "xds"), "--config", str(config), "--run-dir", "/run/x", "--no-validate", *more]
    return CliRunner().invoke(command, arguments)


def test_the_files_are_published_and_said_to_be(tmp_path: Path, config: Path) -> None:
    result = _render(tmp_path, config, "--listen-port", "0", "--admin-port", "19901", "--seen-as", "/etc/envoy")
    assert result.exit_code == 0
    assert "published: bootstrap.json, lds.json, rds.json, cds.json" in result.stdout
    bootstrap = json.loads((tmp_path / "xds/bootstrap.json").read_text())
    assert bootstrap["admin"]["address"]["socket_address"]["port_value"] == 19901
    assert bootstrap["dynamic_resources"]["lds_config"]["path_config_source"]["path"] == "/etc/envoy/lds.json"
    assert (
        "unchanged"
        in _render(tmp_path, config, "--listen-port", "0", "--admin-port", "19901", "--seen-as", "/etc/envoy").stdout
    )


def test_a_difference_is_shown_and_nothing_written(tmp_path: Path, config: Path) -> None:
    _render(tmp_path, config)
    before = (tmp_path / "xds/cds.json").read_text()
    config.write_text(_TEXT.format(workers=2))
    result = _render(tmp_path, config, "--diff")
    assert result.exit_code == 0
    assert '"path": "/run/x/worker-1.sock"' in result.stdout
    assert "lds.json" not in result.stdout
    assert (tmp_path / "xds/cds.json").read_text() == before


def test_a_bad_file_changes_nothing(tmp_path: Path, config: Path) -> None:
    _render(tmp_path, config)
    before = (tmp_path / "xds/cds.json").read_text()
    config.write_text(_TEXT.format(workers="many"))
    result = _render(tmp_path, config)
    assert result.exit_code == 1
    assert "workers" in result.stderr
    assert (tmp_path / "xds/cds.json").read_text() == before


def test_what_envoy_refuses_is_not_published(tmp_path: Path, config: Path) -> None:
    config.write_text(config.read_text().replace("http://", "https://"))
    arguments = [str(tmp_path / "xds"), "--config", str(config), "--system-ca-file", str(tmp_path / "no-such-bundle")]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 1
    assert "no-such-bundle" in result.stderr
    assert not (tmp_path / "xds").exists()


def test_a_directory_that_cannot_be_written_is_one_clear_line(tmp_path: Path, config: Path) -> None:
    (tmp_path / "xds").symlink_to("/proc/self/no")
    result = _render(tmp_path, config)
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr
