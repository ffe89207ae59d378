import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from extproc.config.gateway import GatewayInvalid
from extproc.dataplane.rollout import NotTaken, Places, Rollout
from extproc.dataplane.target import Target
from tests.servers import eventually

DEPLOYMENT = "  - {{name: {name}, base_url: 'http://127.0.0.1:{port}/v1', upstream_model: m, credential: null}}\n"


def text(*names: str, workers: int = 2) -> str:
    deployments = "".join(DEPLOYMENT.format(name=name, port=9000) for name in names)
    models = "".join(f"  - {{name: {name}, deployments: [{name}]}}\n" for name in names)
    return f"workers: {workers}\ndeployments:\n{deployments}models:\n{models}"


@dataclass
class World:
    places: Places
    known: set[str] = field(default_factory=set)
    """What the pretended Envoy lists."""
    asked: Callable[[], None] = lambda: None
    said: list[str] = field(default_factory=list)

    def rollout(self, envoy_deadline_s: float = 60.0) -> Rollout:
        return Rollout(self.places, self._known, envoy_deadline_s=envoy_deadline_s)

    def _known(self) -> frozenset[str]:
        self.asked()
        return frozenset(self.known)

    @property
    def accepted(self) -> str:
        return self.places.accepted.read_text()

    @property
    def clusters(self) -> set[str]:
        published = json.loads((self.places.envoy_dir / "cds.json").read_text())
        return {cluster["name"] for cluster in published["resources"] if cluster["name"].startswith("deployment.")}


@pytest.fixture
def world(tmp_path: Path) -> World:
    envoy_dir, run_dir = tmp_path / "envoy", tmp_path / "run"
    run_dir.mkdir()
    source = tmp_path / "gateway.yaml"
    source.write_text(text("one"))
    return World(Places(source, Target(envoy_dir, run_dir), envoy_dir, run_dir / "gateway.yaml"))


def test_the_first_configuration_waits_for_nobody(world: World) -> None:
    gateway = world.rollout().begin()
    assert list(gateway.catalog.deployments) == ["one"]
    assert world.clusters == {"deployment.one"}
    assert world.accepted == text("one")


def test_a_bad_first_configuration_publishes_nothing(world: World) -> None:
    world.places.source.write_text("models: 1\n")
    with pytest.raises(GatewayInvalid):
        world.rollout().begin()
    assert not world.places.envoy_dir.exists()
    assert not world.places.accepted.exists()


async def test_workers_are_told_only_after_envoy_lists_every_cluster(world: World) -> None:
    rollout = world.rollout()
    rollout.begin()
    seen: list[str] = []

    def asked() -> None:
        assert "deployment.two" in world.clusters
        seen.append(world.accepted)
        if len(seen) == 3:
            world.known = {"deployment.one", "deployment.two"}

    world.asked = asked
    await rollout.take(text("one", "two"))
    assert seen == [text("one")] * 3
    assert world.accepted == text("one", "two")


async def test_an_envoy_that_does_not_take_it_leaves_the_workers_as_they_were(world: World) -> None:
    rollout = world.rollout(envoy_deadline_s=0.1)
    rollout.begin()
    world.known = {"deployment.one"}
    with pytest.raises(NotTaken, match=r"Envoy does not list deployment\.two after 0\.1 s"):
        await rollout.take(text("one", "two"))
    assert world.accepted == text("one")


async def test_a_bad_configuration_changes_nothing(world: World) -> None:
    rollout = world.rollout()
    rollout.begin()
    with pytest.raises(GatewayInvalid):
        await rollout.take("models: 1\n")
    assert world.clusters == {"deployment.one"}
    assert world.accepted == text("one")


async def test_a_removed_deployment_leaves_the_workers_at_once_and_envoy_a_generation_later(world: World) -> None:
    world.places.source.write_text(text("one", "two"))
    rollout = world.rollout()
    rollout.begin()
    world.known = {"deployment.one", "deployment.two"}
    await rollout.take(text("one"))
    assert world.accepted == text("one")
    assert world.clusters == {"deployment.one", "deployment.two"}


async def test_an_edit_is_followed_and_a_mistake_told_once(world: World) -> None:
    world.known = {"deployment.one", "deployment.two"}
    rollout = world.rollout()
    rollout.begin()
    following = asyncio.create_task(rollout.follow(world.said.append))
    try:
        world.places.source.write_text("models: 1\n")
        await eventually(lambda: len(world.said) == 1, "the complaint")
        world.places.source.write_text(text("one", "two"))
        await eventually(lambda: world.accepted == text("one", "two"), "the correction")
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    assert world.said[0].startswith("gateway.yaml was not taken, the one before stays in force:")
    assert world.said[1].startswith("gateway.yaml was taken: 2 models")


async def test_a_text_that_envoy_never_took_can_be_taken_back(world: World) -> None:
    rollout = world.rollout(envoy_deadline_s=0.1)
    rollout.begin()
    world.known = {"deployment.one"}
    world.places.source.write_text(text("one", "two"))
    following = asyncio.create_task(rollout.follow(world.said.append))
    try:
        await eventually(lambda: len(world.said) == 1, "the complaint")
        world.places.source.write_text(text("one"))
        await eventually(lambda: len(world.said) == 2, "the old text to be rolled out again")
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    assert world.accepted == text("one")


async def test_sockets_are_rendered_for_the_workers_that_run_until_the_next_start(world: World) -> None:
    world.known = {"deployment.one"}
    rollout = world.rollout()
    rollout.begin()
    await rollout.take(text("one", workers=5))
    published = json.dumps(json.loads((world.places.envoy_dir / "cds.json").read_text()))
    assert "worker-1.sock" in published
    assert "worker-2.sock" not in published
