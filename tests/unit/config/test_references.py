"""What the parts of a file say about each other, whatever the shape of the tree."""

import pytest

from extproc.config.document import read
from extproc.config.references import _check_option, check_references, unused_deployments
from extproc.model.dialects import Option


def problems(text: str) -> list[tuple[str, str]]:
    document = read(text)
    check_references(document)
    return [(problem.path, problem.message) for problem in document.problems]


def test_a_name_that_is_taken_twice_is_told_with_the_line_of_the_first() -> None:
    text = (
        "deployments:\n- {name: a}\n- {name: b}\n- {name: a}\nmodels:\n- {name: m, group: g}\n- {name: m, group: g}\n"
    )
    text += "groups: [{name: g}]"
    assert problems(text) == [
        ("deployments[2].name", "'a' is already taken on line 2"),
        ("models[1].name", "'m' is already taken on line 6"),
    ]


def test_a_model_names_deployments_that_exist_each_once() -> None:
    text = "deployments: [{name: b}, {name: a}]\nmodels: [{name: m, deployments: [a, c, a, b]}]"
    document = read(text)
    check_references(document)
    assert [(each.path, each.message, each.fix) for each in document.problems] == [
        ("models[0].deployments[1]", "there is no deployment 'c'", "Add it, or name one of: a, b."),
        ("models[0].deployments[2]", "'a' is listed twice", "List each deployment once: a retry goes to the next."),
    ]


@pytest.mark.parametrize(
    ("deployment", "path"),
    [
        ("base_url: 'http://api.example.com', credential: {path: p}", "base_url"),
        ("base_url: 'http://10.0.0.1', ca_file: /c", "ca_file"),
        ("base_url: 'ftp://x'", "base_url"),
    ],
)
def test_an_address_must_go_with_what_is_sent_there(deployment: str, path: str) -> None:
    ((where, _),) = problems(f"deployments: [{{name: a, {deployment}}}]")
    assert where == f"deployments[0].{path}"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://alerts.example.com/budgets", None),
        ("http://10.1.2.3:8080/alerts", None),
        ("http://relay.monitoring.svc", None),
        ("http://alerts.example.com/budgets", "would tell of spending in clear over a network that is not ours"),
        ("http://169.254.169.254/latest", "would tell of spending in clear over a network that is not ours"),
        ("ftp://10.1.2.3", "the URL does not begin with https:// or http://"),
        ("https://bot:secret@alerts.example.com", "the URL carries a user name or password"),
    ],
)
def test_alerts_go_over_https_or_stay_in_our_network(url: str, message: str | None) -> None:
    expected = [] if message is None else [("alerts.webhook_url", message)]
    assert problems(f"alerts: {{webhook_url: '{url}'}}") == expected


def test_a_dialect_is_given_its_options_and_no_others() -> None:
    text = "deployments: [{name: a, dialect: openai, options: {region: x}}]"
    assert problems(text) == [("deployments[0].options.region", "the dialect 'openai' has no such option")]


def test_an_option_with_choices_takes_one_of_them() -> None:
    text = "deployments: [{name: a, dialect: azure, options: {api_version: v, auth: %s}}]"
    assert problems(text % "entra") == []
    assert problems(text % "magic") == [("deployments[0].options.auth", "there is no such choice")]


@pytest.mark.parametrize("value", ["0", "many", "4096.5", "-1", "99999999", "٤"])
def test_an_option_with_a_form_has_it(value: str) -> None:
    text = "deployments: [{name: a, dialect: anthropic, options: {max_tokens: '%s'}}]"
    assert problems(text % "64000") == []
    assert problems(text % value) == [("deployments[0].options.max_tokens", f"{value!r} cannot be right")]


def test_a_value_without_an_example_is_not_told_to_be_such_as_none() -> None:
    document = read("")
    _check_option(document, ("x",), Option("the place", pattern="[a-z]+"), "7")
    _check_option(document, ("y",), Option("the place", "eu", pattern="[a-z]+"), "7")
    assert [problem.fix for problem in document.problems] == ["Write the place.", "Write the place, such as eu."]


def test_a_deployment_does_without_what_its_dialect_may_do_without() -> None:
    text = "deployments: [{name: a, dialect: vertex, options: {project: p, location: l}, degrade: %s}]"
    assert problems(text % "[seed, logit_bias]") == []
    assert problems(text % "[seed, n]") == [
        ("deployments[0].degrade[1]", "the dialect 'vertex' never does without 'n'")
    ]
    assert problems("deployments: [{name: a, degrade: [n, 7]}]") == []


@pytest.mark.parametrize(
    "deployment",
    [
        "base_url: 'https://api.example.com', credential: {path: p}",
        "base_url: 'http://10.0.0.1', credential: {path: p}",
        "base_url: 'http://api.example.com', credential: null",
        "base_url: 'https://api.example.com', ca_file: /c",
    ],
)
def test_a_key_goes_over_tls_or_stays_in_our_own_network(deployment: str) -> None:
    assert problems(f"deployments: [{{name: a, {deployment}}}]") == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("admin: {port: 8080}", [("admin.port", "port 8080 is listener.port already")]),
        ("listener: {port: 9901}", [("admin.port", "port 9901 is listener.port already")]),
        ("health: {port: 9901}", [("health.port", "port 9901 is admin.port already")]),
        ("listener: {port: 0}\nadmin: {port: 0}\nhealth: {port: 0}", []),
        ("listener: {port: 8081}\nhealth: {port: 8080}", []),
    ],
)
def test_two_listeners_never_share_a_port_but_any_may_take_a_free_one(text: str, found: list[tuple[str, str]]) -> None:
    assert problems(text) == found


def test_a_host_is_listed_once_and_any_host_stands_alone() -> None:
    assert problems("listener: {hosts: [a, b, a]}") == [("listener.hosts[2]", "'a' is listed twice")]
    assert [path for path, _ in problems("listener: {hosts: [a, '*']}")] == ["listener.hosts"]
    assert problems("listener: {hosts: ['*']}") == []


def test_a_deployment_that_no_model_names_is_found_with_its_place() -> None:
    document = read("deployments: [{name: a}, {name: b}]\nmodels: [{name: m, deployments: [b]}]")
    assert unused_deployments(document) == [(("deployments", 0, "name"), "a")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "[]",
        "deployments: 7\nmodels: x\nlistener: []\nadmin: 1\nhealth: null",
        "deployments: [7, {}, {name: 7}, {name: a, base_url: 7}]\nmodels: [null, {deployments: 7}]",
        "models: [{deployments: [[], {}]}]",
        "listener: {hosts: 7, port: x}\nadmin: {port: [1]}",
    ],
)
def test_a_tree_of_another_shape_is_somebody_elses_complaint(text: str) -> None:
    document = read(text)
    before = list(document.problems)
    check_references(document)
    assert document.problems == before
    unused_deployments(document)
