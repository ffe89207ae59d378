"""What gateway.yaml may say of the firewall, and that everything wrong with it is said at once."""

import pytest

from extproc.config.gateway import GatewayInvalid, parse
from extproc.model.guard_policy import (
    NO_GUARD,
    Action,
    Check,
    ContextMarkers,
    GuardPolicies,
    GuardPolicy,
    OnFailure,
    Spotlight,
)

_BASE = """
deployments:
  - {name: a, base_url: "http://127.0.0.1:8000", upstream_model: m-1}
models:
  - {name: m, deployments: [a]}
"""
_KEY = "key_0123456789abcdefghijAB"


def _guard(text: str) -> GuardPolicies:
    return parse(f"{_BASE}guard:\n{text}", "test").guard


def _policy(text: str) -> GuardPolicy:
    return _guard(f"  default: p\n  policies:\n    - {{name: p, {text}}}\n").default


def _problems(text: str) -> list[tuple[str, str]]:
    with pytest.raises(GatewayInvalid) as raised:
        _guard(text)
    return [(problem.path, problem.message) for problem in raised.value.problems]


def test_a_file_that_says_nothing_judges_nothing() -> None:
    guard = parse(_BASE, "test").guard
    assert guard.of("acme", "search", "ranking", _KEY) is NO_GUARD


def test_a_check_means_what_the_file_says() -> None:
    policy = _policy(
        "input: {pii: {action: redact, threshold: 0.8, when_unavailable: open, limit_s: 0.2},"
        " secrets: {action: block}},"
        " output: {leakage: {action: flag}},"
        " spotlight: datamark, markers: [{begin: <doc>, end: </doc>}], restores: false"
    )
    assert policy.input == (
        Check("pii", Action.REDACT, 0.8, OnFailure.OPEN, 0.2),
        Check("secrets", Action.BLOCK),
    )
    assert policy.output == (Check("leakage", Action.FLAG),)
    assert policy.spotlight is Spotlight.DATAMARK
    assert policy.markers == (ContextMarkers("<doc>", "</doc>"),)
    assert not policy.restores


def test_options_can_be_told_apart_and_kept() -> None:
    check = _policy("input: {size: {action: block, options: {max_characters: 10}}}").input[0]
    assert check.options == (("max_characters", 10),)
    assert hash(check) == hash(check)


def test_a_version_follows_what_a_policy_says_and_not_its_name() -> None:
    one, same, other = (
        _guard(
            f"  default: {name}\n  policies:\n    - {{name: {name}, input: {{pii: {{action: {action}}}}}}}\n"
        ).default
        for name, action in (("one", "block"), ("two", "block"), ("one", "flag"))
    )
    assert one.version == same.version != other.version


def test_a_policy_extends_another_and_takes_checks_away() -> None:
    guard = _guard(
        """
  default: child
  policies:
    - {name: child, extends: parent, input: {pii: {action: "off"}, secrets: {action: flag}}}
    - {name: parent, extends: base, input: {pii: {action: block}}, spotlight: encode}
    - {name: base, input: {injection: {action: block}}, restores: false}
"""
    )
    assert [(check.scanner, check.action) for check in guard.default.input] == [
        ("injection", Action.BLOCK),
        ("secrets", Action.FLAG),
    ]
    assert guard.default.spotlight is Spotlight.ENCODE
    assert not guard.default.restores


def test_each_level_has_its_policy() -> None:
    guard = _guard(
        f"""
  default: p0
  policies: [{{name: p0, input: {{}}}}, {{name: p1, restores: false}}, {{name: p2, spotlight: delimit}},
             {{name: p3, spotlight: encode}}, {{name: p4, spotlight: datamark}}]
  tenants:
    - {{policy: p1, organisation: acme}}
    - {{policy: p2, organisation: acme, team: search}}
    - {{policy: p3, organisation: acme, team: search, project: ranking}}
    - {{policy: p4, key: {_KEY}}}
"""
    )
    found = [
        guard.of("none", "of", "these", "k"),
        guard.of("acme", "other", "ranking", "k"),
        guard.of("acme", "search", "other", "k"),
        guard.of("acme", "search", "ranking", "k"),
        guard.of("acme", "search", "ranking", _KEY),
    ]
    assert [each.spotlight.value for each in found] == ["off", "off", "delimit", "encode", "datamark"]
    assert [each.restores for each in found] == [True, False, True, True, True]


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("input: {nothing: {action: block}}", "guard.policies[0].input.nothing", "there is no scanner 'nothing'"),
        ("input: {leakage: {action: block}}", "guard.policies[0].input.leakage", "leakage does not judge the input"),
        (
            "input: {injection: {action: redact}}",
            "guard.policies[0].input.injection.action",
            "what injection finds cannot be taken out",
        ),
        ("input: {pii: {action: stop}}", "guard.policies[0].input.pii.action", "'stop' cannot be used here"),
        (
            "output: {leakage: {action: block, options: {canary: x}}}",
            "guard.policies[0].output.leakage.options",
            "leakage has no options",
        ),
        ("input: {pii: {}}", "guard.policies[0].input.pii.action", "is required"),
        ("extends: q", "guard.policies[0].extends", "there is no policy 'q'"),
        ("extends: p", "guard.policies[0].extends", "it extends itself"),
    ],
)
def test_what_is_wrong_with_a_policy_is_said(text: str, path: str, message: str) -> None:
    assert (path, message) in _problems(f"  policies:\n    - {{name: p, {text}}}\n")


@pytest.mark.parametrize(
    ("tenant", "path", "message"),
    [
        ("policy: q, organisation: acme", "guard.tenants[0].policy", "there is no policy 'q'"),
        ("policy: p", "guard.tenants[0]", "it says for nobody"),
        (
            "policy: p, organisation: acme, project: x1",
            "guard.tenants[0].project",
            "a project is one of a team",
        ),
        (f"policy: p, organisation: acme, key: {_KEY}", "guard.tenants[0].key", "a key says by itself whose it is"),
    ],
)
def test_what_is_wrong_with_a_tenant_is_said(tenant: str, path: str, message: str) -> None:
    assert (path, message) in _problems(f"  policies: [{{name: p}}]\n  tenants:\n    - {{{tenant}}}\n")


def test_two_policies_for_the_same_are_one_too_many() -> None:
    text = "  policies: [{name: p}]\n  tenants:\n" + "    - {policy: p, organisation: acme}\n" * 2
    assert ("guard.tenants[1]", "another entry is for the same") in _problems(text)


def test_a_name_twice_and_a_default_that_is_none_are_said() -> None:
    problems = _problems("  default: q\n  policies: [{name: p}, {name: p}]\n")
    assert ("guard.policies[1].name", "'p' is already taken") in problems
    assert ("guard.default", "there is no policy 'q'") in problems


def test_scanners_must_leave_time_for_the_rest_of_admission() -> None:
    slow = "  policies: [{name: p, input: {pii: {action: block, limit_s: 4}, mine: {action: flag, limit_s: 1}}}]\n"
    text = "  scanners: [{name: mine, grounded: {}}]\n" + slow
    assert (
        "guard.policies[0].input",
        "its scanners may take longer than the 5 s that a request has to be admitted",
    ) in _problems(text)
    assert parse(f"{_BASE}guard:\n{text}limits: {{admission_timeout_s: 6}}\n", "test").guard is not None
