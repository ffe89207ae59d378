"""The built-in scanners by name, and a set of them run over a set of leaves.

    scan_leaves(specs, leaves, direction) → the findings of each spec

Everything here can be sent to another process: a spec is a name and its settings, and what is compiled from it is kept
where it was compiled.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from time import perf_counter_ns

from extproc.guard import injection, leakage, markers, opaque, pii, schema, secrets, size, topics, urls
from extproc.guard.read import read
from extproc.guard.rule import Rule, TotalRule
from extproc.model.guard import Direction, Leaf, Scanned
from extproc.model.guard_policy import Options, RuleSpec

RULES: Mapping[str, Callable[[Options], Rule]] = {
    "injection": injection.make,
    "leakage": leakage.make,
    "markers": markers.make,
    "pii": pii.make,
    "schema": schema.make,
    "secrets": secrets.make,
    "size": size.make,
    "opaque": opaque.make,
    "topics": topics.make,
    "urls": urls.make,
}
"""Each builds a rule from its settings. Raises ValueError for settings that are none of its."""


@lru_cache(maxsize=4096)
def compile_rule(spec: RuleSpec) -> Rule:
    """The rule; the same one for the same settings.

    Raises:
        KeyError: there is no such scanner.
        ValueError: its settings are wrong; the message says which and why, for whoever writes gateway.yaml.
    """
    return RULES[spec.scanner](spec.options)


def reach_of(specs: Sequence[RuleSpec]) -> int:
    """How much of a stream has to be held back for all of these; characters."""
    return max((compile_rule(spec).reach for spec in specs), default=0)


def scan_leaves(specs: Sequence[RuleSpec], leaves: Sequence[Leaf], direction: Direction) -> tuple[Scanned, ...]:
    """What each rule finds, in the order of ``specs``. Each leaf is read once for all of them."""
    rules = [compile_rule(spec) for spec in specs]
    readings = [read(leaf) for leaf in leaves]
    scanned: list[Scanned] = []
    for rule in rules:
        began_ns = perf_counter_ns()
        findings = [finding for reading in readings for finding in rule.scan(reading, direction)]
        if isinstance(rule, TotalRule):
            findings += rule.scan_all(leaves, direction)
        scanned.append(Scanned(tuple(findings), (perf_counter_ns() - began_ns) // 1000))
    return tuple(scanned)
