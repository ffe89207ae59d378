from datetime import date
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


_PRICES = """
version: "{version}"
prices:
  - vendor: openai
    models: [m]
    nano_usd: {{input: {old}, output: 0}}
    until: 2027-01-01
    source: https://example.com
    read: 2026-11-01
    is_verified: true
  - {{vendor: openai, models: [m], nano_usd: {{input: 9, output: 0}}, source: x, read: 2026-11-01, is_verified: true}}
"""


def test_prices_are_taken_over_from_their_file_and_on_their_day(tmp_path: Path) -> None:
    prices, path, days = tmp_path / "prices.yaml", tmp_path / "gateway.yaml", [date(2026, 12, 31)]
    prices.write_text(_PRICES.format(version="1", old=5))
    path.write_text(
        _TEXT.format(workers=1).replace("http://127.0.0.1:9", "https://api.openai.com") + f"price_file: {prices}"
    )
    watch = GatewayWatch(path, load(path, days[0]), lambda: days[0])

    def cost(change: Gateway | GatewayInvalid | None) -> int | None:
        assert isinstance(change, Gateway)
        (deployment,) = change.catalog.deployments.values()
        return deployment.price.input_nano_usd if deployment.price else None

    assert cost(watch.current) == 5
    assert watch.poll() is None
    prices.write_text(_PRICES.format(version="2", old=7))
    assert cost(watch.poll()) == 7
    days[0] = date(2027, 1, 1)
    assert cost(watch.poll()) == 9
    assert watch.poll() is None
