"""What ``guard`` of ``gateway.yaml`` must agree on, and what it compiles to.

    check_guard(document, root)       reports what is wrong between its keys, whatever the tree's shape
    compile_guard(section)            → the policies of all tenants

A policy that extends another has its checks, but for those it names itself; ``off`` takes one away.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping

from extproc.config.document import Document, Location
from extproc.config.guard_sections import CheckSection, GuardSection, PolicySection
from extproc.config.routing import Section, entries
from extproc.config.scanners import check_scanners
from extproc.config.schema import LimitsSection
from extproc.config.tenancy import assign, check_default, check_names, check_tenants
from extproc.guard.rules import RULES, compile_rule
from extproc.model.guard import Direction
from extproc.model.guard_policy import (
    BUILTIN,
    NO_GUARD,
    Action,
    Check,
    ContextMarkers,
    GuardPolicies,
    GuardPolicy,
    OnFailure,
    Options,
    RuleSpec,
    Spotlight,
)

_VERSION_CHARS = 12
_MARGIN_S = 0.5
"""Of admission's time, what is left for everything else."""


def check_guard(document: Document, root: Section) -> None:
    """Report everything that is wrong between the keys of ``guard``."""
    guard = root.get("guard")
    if not isinstance(guard, dict):
        return
    scanners = check_scanners(document, guard)
    policies = [(("guard", *location), policy) for location, policy in entries(guard, "policies")]
    names = check_names(document, policies)
    for location, policy in policies:
        _check_extends(document, location, policy, dict(_parents(policies)), names)
        for direction in Direction:
            for name, check in _checks(policy, direction):
                _check_scanner(document, (*location, direction.value, name), name, check, direction, scanners)
    _check_times(document, root, policies)
    check_default(document, ("guard",), guard, names)
    check_tenants(document, ((("guard", *place), tenant) for place, tenant in entries(guard, "tenants")), names)


def compile_guard(section: GuardSection | None) -> GuardPolicies:
    """The policies of all tenants. Total for what passed the checks."""
    if section is None:
        return GuardPolicies()
    by_name = {policy.name: policy for policy in section.policies}
    compiled = {name: _compile(policy, by_name) for name, policy in by_name.items()}
    by_tenant = assign(section.tenants, section.default, compiled, NO_GUARD)
    return GuardPolicies(
        by_tenant.default, by_tenant.organisations, by_tenant.teams, by_tenant.projects, by_tenant.keys
    )


def _compile(policy: PolicySection, by_name: Mapping[str, PolicySection]) -> GuardPolicy:
    chain = [policy]
    while (parent := chain[-1].extends) is not None:
        chain.append(by_name[parent])
    checks: dict[str, dict[str, CheckSection]] = {"input": {}, "output": {}}
    for each in reversed(chain):
        checks["input"].update(each.input)
        checks["output"].update(each.output)
    spotlight = next((each.spotlight for each in chain if each.spotlight is not None), "off")
    markers = next((each.markers for each in chain if each.markers is not None), [])
    restores = next((each.restores for each in chain if each.restores is not None), True)
    said = {
        **{way: {name: check.model_dump() for name, check in found.items()} for way, found in checks.items()},
        "spotlight": spotlight,
        "markers": [each.model_dump() for each in markers],
        "restores": restores,
    }
    text = json.dumps(said, sort_keys=True, default=str)
    return GuardPolicy(
        version=hashlib.sha256(text.encode()).hexdigest()[:_VERSION_CHARS],
        input=tuple(_compile_checks(checks["input"])),
        output=tuple(_compile_checks(checks["output"])),
        spotlight=Spotlight(spotlight),
        markers=tuple(ContextMarkers(each.begin, each.end) for each in markers),
        restores=restores,
    )


def _compile_checks(found: Mapping[str, CheckSection]) -> Iterator[Check]:
    for name, check in found.items():
        if check.action != "off":
            yield Check(
                scanner=name,
                action=Action(check.action),
                threshold=check.threshold,
                on_failure=OnFailure(check.when_unavailable),
                limit_s=check.limit_s,
                options=_options(check.options),
                is_builtin=name in BUILTIN,
            )


def _options(given: Mapping[str, object]) -> Options:
    return tuple(
        (name, tuple(value) if isinstance(value, list) else value)  # type: ignore[misc]  # the schema lets nothing else in
        for name, value in sorted(given.items())
    )


def _check_times(document: Document, root: Section, policies: list[tuple[Location, Section]]) -> None:
    limits = root.get("limits")
    given = limits.get("admission_timeout_s") if isinstance(limits, dict) else None
    admission_s = given if isinstance(given, int | float) else LimitsSection().admission_timeout_s
    for location, policy in policies:
        longest_s = {True: 0.0, False: 0.0}
        for name, check in _checks(policy, Direction.INPUT):
            limit_s = check.get("limit_s", 1.0)
            if isinstance(limit_s, int | float) and check.get("action") != "off":
                longest_s[name in BUILTIN] = max(longest_s[name in BUILTIN], limit_s)
        # The built-in ones are asked first, then all others at the same time.
        if sum(longest_s.values()) > admission_s - _MARGIN_S:
            document.report(
                (*location, "input"),
                f"its scanners may take longer than the {admission_s:g} s that a request has to be admitted",
                f"Lower limit_s to {admission_s - _MARGIN_S:g} in all, or raise limits.admission_timeout_s.",
            )


def _parents(policies: list[tuple[Location, Section]]) -> Iterator[tuple[str, str]]:
    for _, policy in policies:
        name, parent = policy.get("name"), policy.get("extends")
        if isinstance(name, str) and isinstance(parent, str):
            yield name, parent


def _check_extends(
    document: Document, location: Location, policy: Section, parents: Mapping[str, str], names: frozenset[str]
) -> None:
    parent = policy.get("extends")
    if not isinstance(parent, str):
        return
    place = (*location, "extends")
    if parent not in names:
        document.report(place, f"there is no policy {parent!r}", "Add it to policies, or correct the name.")
        return
    met: set[str] = set()
    here: str | None = parent
    while here is not None and here not in met:
        met.add(here)
        here = parents.get(here)
    if here is not None:
        document.report(place, "it extends itself", "Let one policy of the circle extend none.")


def _checks(policy: Section, direction: Direction) -> Iterator[tuple[str, Section]]:
    found = policy.get(direction.value)
    for name, check in found.items() if isinstance(found, dict) else ():
        if isinstance(check, dict):
            yield name, check


def _check_scanner(
    document: Document, place: Location, name: str, check: Section, direction: Direction, scanners: frozenset[str]
) -> None:
    builtin = BUILTIN.get(name)
    if builtin is None:
        if name not in scanners:
            known = ", ".join(sorted({*BUILTIN, *scanners}))
            document.report(place, f"there is no scanner {name!r}", f"Declare it in scanners, or use one of {known}.")
        return
    if direction not in builtin.directions:
        document.report(place, f"{name} does not judge the {direction.value}", "Move it to the other direction.")
    if check.get("action") == "redact" and not builtin.may_redact:
        document.report((*place, "action"), f"what {name} finds cannot be taken out", "Write block or flag.")
    options = check.get("options", {})
    if builtin.is_of_exchange:
        if options:
            document.report((*place, "options"), f"{name} has no options", "Remove them.")
    elif name in RULES and isinstance(options, dict):
        try:
            compile_rule(RuleSpec(name, _options(options)))
        except (ValueError, TypeError) as wrong:
            document.report((*place, "options"), str(wrong), "See docs/guard.md for its options.")
