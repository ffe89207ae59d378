from pathlib import Path

import pytest

from extproc.config.gateway import Gateway, GatewayInvalid, load
from extproc.config.watch import GatewayWatch

_TEXT = """
workers: {workers}
deployments: [{{name: a, base_url: "http://127.0.0.1:9/v1", upstream_model: m}}]
models: [{{name: m, deployments: [a]}}]
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.yaml"
    path.write_text(_TEXT.format(workers=1))
    return path


@pytest.fixture
def watch(path: Path) -> GatewayWatch:
    return GatewayWatch(path, load(path))


def test_nothing_is_said_while_nothing_changes(watch: GatewayWatch, path: Path) -> None:
    assert [watch.poll() for _ in range(3)] == [None, None, None]
    path.write_text("# a comment\n" + path.read_text())
    assert watch.poll() is None


def test_a_change_is_given_once(watch: GatewayWatch, path: Path) -> None:
    path.write_text(_TEXT.format(workers=3))
    change = watch.poll()
    assert isinstance(change, Gateway)
    assert change.workers == 3
    assert watch.current is change
    assert watch.poll() is None


def test_a_change_before_the_first_look_is_not_missed(path: Path) -> None:
    before = load(path)
    path.write_text(_TEXT.format(workers=3))
    assert isinstance(GatewayWatch(path, before).poll(), Gateway)


def test_a_bad_file_changes_nothing_and_is_reported_once(watch: GatewayWatch, path: Path) -> None:
    before = watch.current
    path.write_text(_TEXT.format(workers="many"))
    change = watch.poll()
    assert isinstance(change, GatewayInvalid)
    assert [problem.path for problem in change.problems] == ["workers"]
    assert watch.current is before
    assert watch.poll() is None


def test_a_file_that_is_gone_changes_nothing_until_it_is_back(watch: GatewayWatch, path: Path) -> None:
    text = path.read_text()
    path.unlink()
    assert isinstance(watch.poll(), GatewayInvalid)
    assert watch.poll() is None
    path.write_text(text)
    assert watch.poll() is None
    path.write_text(_TEXT.format(workers=4))
    assert isinstance(watch.poll(), Gateway)


def test_the_swap_of_a_kubernetes_configmap_is_seen(tmp_path: Path) -> None:
    for generation, workers in (("..first", 1), ("..second", 2)):
        (tmp_path / generation).mkdir()
        (tmp_path / generation / "gateway.yaml").write_text(_TEXT.format(workers=workers))
    (tmp_path / "..data").symlink_to("..first")
    path = tmp_path / "gateway.yaml"
    path.symlink_to("..data/gateway.yaml")
    watch = GatewayWatch(path, load(path))
    assert watch.poll() is None
    (tmp_path / "..data_tmp").symlink_to("..second")
    (tmp_path / "..data_tmp").replace(tmp_path / "..data")
    change = watch.poll()
    assert isinstance(change, Gateway)
    assert change.workers == 2
