"""The firewall follows the configuration, and nothing of it is half taken."""

import pytest

from extproc.adapters.memory import MemoryClock, MemoryVault
from extproc.bootstrap_guard import open_guard_room
from extproc.config.gateway import Gateway, parse
from extproc.model.guard import Direction, Leaf, Trust
from extproc.model.guard_policy import RuleSpec
from extproc.model.refusals import Unavailable
from extproc.policy.guard import Subject, judge

_BASE = """
deployments: [{name: a, base_url: "https://a.example/v1", upstream_model: m}]
models: [{name: m, deployments: [a]}]
"""
LEAVES = (Leaf(("input",), "the moon is a cheese", Trust.MODEL),)
SPECS = (RuleSpec("topics", (("words", ("moon",)),)),)


def gateway(guard: str = "") -> Gateway:
    return parse(_BASE + guard, "test")


def grounded(name: str) -> Gateway:
    return gateway(
        f"""
guard:
  scanners: [{{name: {name}, grounded: {{}}}}]
  default: p
  policies:
    - name: p
      output: {{{name}: {{action: flag}}, topics: {{action: block, options: {{words: [moon]}}}}}}
"""
    )


async def test_nothing_runs_where_nothing_is_judged() -> None:
    async with open_guard_room(gateway(), MemoryVault({}), MemoryClock()) as room:
        with pytest.raises(Unavailable):
            await room.desk.rules.run("acme", SPECS, LEAVES, Direction.INPUT)


async def test_a_configuration_brings_its_policies_rules_and_scanners() -> None:
    async with open_guard_room(gateway(), MemoryVault({}), MemoryClock()) as room:
        desk = room.desk
        await room.take(grounded("mine"))
        policy = desk.policies().of("acme", "t", "p", "k")
        judgement = await judge(desk, policy.output, LEAVES, Direction.OUTPUT, Subject("acme", "x", policy.version))
        assert {each.scanner: each.result.value for each in judgement.verdicts} == {
            "mine": "not_run",
            "topics": "blocked",
        }
        assert set(desk.scanners()) == {"mine"}


async def test_a_scanner_that_is_gone_is_kept_for_one_more_configuration() -> None:
    async with open_guard_room(grounded("first"), MemoryVault({}), MemoryClock()) as room:
        held = room.desk.scanners()["first"]
        await room.take(grounded("second"))
        assert set(room.desk.scanners()) == {"second"}
        await room.take(grounded("first"))
        assert room.desk.scanners()["first"] is held
        await room.take(grounded("second"))
        await room.take(grounded("third"))
        await room.take(grounded("fourth"))
        await room.take(grounded("first"))
        assert room.desk.scanners()["first"] is not held


async def test_a_scanner_that_does_not_open_leaves_all_as_it_was() -> None:
    broken = gateway(
        """
guard:
  scanners: [{name: model, onnx: {directory: /nowhere/at/all, labels: {A: b}}}]
"""
    )
    async with open_guard_room(grounded("mine"), MemoryVault({}), MemoryClock()) as room:
        policies = room.policies
        with pytest.raises(Unavailable):
            await room.take(broken)
        assert room.policies is policies
        assert set(room.desk.scanners()) == {"mine"}
