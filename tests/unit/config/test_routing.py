"""What models, groups and deployments say about each other."""

import pytest

from extproc.config.document import read
from extproc.config.routing import check_routing, named_deployments

BASE = """
deployments: [{name: a, price: {input_per_million_usd: 1}, upstream_model: m-1}, {name: b, upstream_model: m-2}]
groups: [{name: g, strategy: weighted, members: [{deployment: a, weight: 2}, {deployment: b}], fallbacks: [h]}, {name: h, members: [{deployment: b}]}]
models: [{name: x, group: g}, {name: y, deployments: [b, a]}, {name: z, auto: {cheap: h, premium: g}}]
"""  # noqa: E501 - a line each


def problems(text: str) -> list[tuple[str, str]]:
    document = read(text)
    assert isinstance(document.tree, dict)
    check_routing(document, document.tree)
    return [(problem.path, problem.message) for problem in document.problems]


def test_a_file_whose_parts_agree_has_no_problems() -> None:
    assert problems(BASE) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("deployment: a, weight", "deployment: c, weight"), ("groups[0].members[0].deployment", "no deployment 'c'")),
        (("{deployment: b}], fall", "{deployment: a}], fall"), ("groups[0].members[1].deployment", "listed twice")),
        (("[h]", "[i]"), ("groups[0].fallbacks[0]", "no group 'i'")),
        (("[h]", "[g]"), ("groups[0].fallbacks[0]", "behind itself")),
        (("[h]", "[h, h]"), ("groups[0].fallbacks[1]", "listed twice")),
        (("strategy: weighted", "strategy: cost"), ("groups[0].members[1].deployment", "needs its price")),
        (("strategy: weighted", "strategy: latency"), ("groups[0].members[0].weight", "knows no weights")),
        (
            ("weight: 2}, {deployment: b}", "weight: 0}, {deployment: b, weight: 0}"),
            ("groups[0].members", "any weight"),
        ),
        (("weight: 2", "reserved: {}"), ("groups[0].members[0].reserved", "knows nothing reserved")),
        (("group: g}", "group: k}"), ("models[0].group", "no group 'k'")),
        (("premium: g", "premium: k"), ("models[2].auto.premium", "no group 'k'")),
        (("{name: x, group: g}", "{name: x}"), ("models[0]", "names nothing")),
        (("{name: x, group: g}", "{name: x, group: g, deployments: [a]}"), ("models[0]", "deployments and group")),
        (("name: y", "name: h"), ("models[1].name", "the name of a group")),
        (("m-1", "m-latest"), ("deployments[0].upstream_model", "moving name")),
        (("m-1", "LATEST"), ("deployments[0].upstream_model", "moving name")),
        (("m-1", '"m:latest"'), ("deployments[0].upstream_model", "moving name")),
    ],
)
def test_what_does_not_agree_is_told_at_its_place(change: tuple[str, str], expected: tuple[str, str]) -> None:
    assert change[0] in BASE
    found = problems(BASE.replace(*change, 1))
    assert any(path == expected[0] and expected[1] in message for path, message in found), found


def test_a_moving_name_may_be_allowed_and_latest_within_a_word_is_none() -> None:
    assert problems(BASE.replace("m-1", "m-latest") + "routing: {floating_models: [m-latest]}") == []
    assert problems(BASE.replace("m-1", "platest")) == []


def test_every_mention_of_a_deployment_is_found() -> None:
    tree = read(BASE).tree
    assert isinstance(tree, dict)
    assert sorted(name for _, name in named_deployments(tree)) == ["a", "a", "b", "b", "b"]


@pytest.mark.parametrize(
    "tree", ["models: 3", "groups: [4]", "groups: [{members: [1, {deployment: []}]}]", "models: [{auto: 1}]"]
)
def test_what_is_of_the_wrong_kind_is_left_to_the_schema(tree: str) -> None:
    document = read(tree)
    assert isinstance(document.tree, dict)
    check_routing(document, document.tree)


def test_of_very_many_names_a_message_lists_a_few() -> None:
    names = [f"d-{index:04}" for index in range(1000)]
    document = read(
        "deployments:\n"
        + "\n".join(f"  - {{name: {name}, upstream_model: m-1}}" for name in names)
        + "\nmodels:\n"
        + "\n".join(f"  - {{name: m-{index}, deployments: [gone-{index}]}}" for index in range(1000))
    )
    assert isinstance(document.tree, dict)
    check_routing(document, document.tree)
    fixes = {problem.fix for problem in document.problems}
    assert len(document.problems) == 1000
    (fix,) = fixes
    assert fix.startswith("Add it, or name one of: d-0000, d-0001, ")
    assert fix.endswith(" and 980 more.")
