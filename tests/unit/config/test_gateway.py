"""The file's promises: what it means, and that everything wrong with it is said at once."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from extproc.config.gateway import Gateway, GatewayInvalid, load, parse
from extproc.model.catalog import CredentialRef, Operation
from extproc.model.ids import DeploymentName, ModelName

_EXAMPLE = Path(__file__).parents[3] / "envoy" / "gateway.example.yaml"
_GOOD = """
deployments:
  - {name: a, base_url: "https://api.example.com/v1/", upstream_model: m-1, credential: {path: p/x, field: key}}
  - {name: b, base_url: "http://[::1]:8000", upstream_model: m-2, operations: [embeddings]}
models:
  - {name: org/M:1, deployments: [a, b], created: 7}
"""


def _problems(text: str) -> list[tuple[str, str]]:
    with pytest.raises(GatewayInvalid) as raised:
        parse(text, "test")
    return [(problem.path, problem.message) for problem in raised.value.problems]


def _edited(old: str, new: str) -> list[tuple[str, str]]:
    assert old in _GOOD
    return _problems(_GOOD.replace(old, new, 1))


def test_a_good_file_becomes_one_immutable_snapshot() -> None:
    gateway = parse(_GOOD, "test")
    a = gateway.catalog.deployments[DeploymentName("a")]
    assert (a.scheme, a.host, a.port, a.base_path) == ("https", "api.example.com", 443, "/v1")
    assert a.credential == CredentialRef("p/x", "key")
    assert a.operations == {Operation.CHAT}
    b = gateway.catalog.deployments[DeploymentName("b")]
    assert (b.host, b.port, b.base_path, b.credential) == ("::1", 8000, "", None)
    assert [each.name for each in gateway.catalog.deployments_of(ModelName("org/M:1"))] == ["a", "b"]
    with pytest.raises(FrozenInstanceError):
        gateway.workers = 3  # type: ignore[misc]  # the point
    with pytest.raises(TypeError):
        gateway.catalog.models["x"] = None  # type: ignore[index]  # the point


def test_what_is_left_out_has_the_documented_value() -> None:
    gateway = parse(_GOOD, "test")
    assert (gateway.admin.address, gateway.admin.port) == ("127.0.0.1", 9901)
    assert gateway.limits.max_body_bytes == 16_777_216
    assert gateway.limits.max_response_bytes == 33_554_432
    assert (gateway.limits.request_timeout_s, gateway.limits.request_headers_timeout_s) == (30, 10)
    assert (gateway.workers, gateway.vault.max_stale_s, gateway.vault.refresh_s, gateway.keys.poll_s) == (
        2,
        86400,
        60,
        0.5,
    )
    assert gateway.listener.takes_any_host


def test_the_example_is_a_good_file() -> None:
    gateway = load(_EXAMPLE)
    assert gateway.warnings == ()
    assert gateway == load(_EXAMPLE)


def test_an_exchange_may_be_silent_for_as_long_as_its_longest_plan() -> None:
    gateway = parse(_GOOD, "test")
    assert gateway.limits.stream_idle_timeout_s > sum(
        deployment.timeouts.total_s for deployment in gateway.catalog.deployments.values()
    )


def test_the_version_follows_what_the_catalog_says_and_nothing_else() -> None:
    version = parse(_GOOD, "test").catalog.version
    assert parse("# a comment\nworkers: 5" + _GOOD, "test").catalog.version == version
    assert parse(_GOOD.replace("m-1", "m-3"), "test").catalog.version != version


def test_a_deployment_without_a_model_is_a_warning() -> None:
    gateway = parse(_GOOD.replace("[a, b]", "[a]"), "test")
    assert [(warning.path, warning.line) for warning in gateway.warnings] == [("deployments[1].name", 4)]


def test_every_problem_is_reported_at_once_with_its_line_and_a_fix() -> None:
    text = """
listener: {prot: 3, port: "80"}
workers: two
deployments:
  - name: A b
    base_url: http://api.example.com/v1
    credential: {path: x, feld: y}
    upstream_model: 1.5
    timeouts: {connect_s: -1}
  - {name: b, base_url: "ftp://x", upstream_model: y, upstream_model: z}
  - {name: b, base_url: "https://x", upstream_model: y}
models:
  - {name: m, deployments: [c, b, b]}
"""
    with pytest.raises(GatewayInvalid) as raised:
        parse(text, "test")
    problems = raised.value.problems
    assert [(problem.line, problem.path) for problem in problems] == [
        (2, "listener.port"),
        (2, "listener.prot"),
        (3, "workers"),
        (5, "deployments[0].name"),
        (6, "deployments[0].base_url"),
        (7, "deployments[0].credential.feld"),
        (8, "deployments[0].upstream_model"),
        (9, "deployments[0].timeouts.connect_s"),
        (10, "deployments[1].base_url"),
        (10, "deployments[1].upstream_model"),
        (11, "deployments[2].name"),
        (13, "models[0].deployments[0]"),
        (13, "models[0].deployments[2]"),
    ]
    assert all(problem.message and problem.fix for problem in problems)
    assert "Did you mean port?" in str(raised.value)


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("name: a,", "name: on_,", "models[0].deployments[0]"),
        ("name: a,", "name: -a,", "deployments[0].name"),
        ("name: a,", "name: 'a\"b',", "deployments[0].name"),
        ("name: a,", "name: 7,", "deployments[0].name"),
        ("upstream_model: m-1", "upstream_model: yes, dialect: klingon", "deployments[0].dialect"),
        ("upstream_model: m-1", "upstream_model: true", "deployments[0].upstream_model"),
        ("upstream_model: m-1, ", "", "deployments[0].upstream_model"),
        ("path: p/x", "path: /p/x", "deployments[0].credential.path"),
        ("path: p/x", "path: p/../x", "deployments[0].credential.path"),
        ("created: 7", "created: 2024-01-01", "models[0].created"),
        ("created: 7", "created: 1.0", "models[0].created"),
        ("created: 7", "created: 010", "models[0].created"),
        ("created: 7", "created: 7, deployments: [a]", "models[0].deployments"),
        ("org/M:1", "org M", "models[0].name"),
        ("[a, b]", "[]", "models[0].deployments"),
        ("[a, b]", "a", "models[0].deployments"),
        ("[embeddings]", "[embeddings, images]", "deployments[1].operations[1]"),
        ("https://api", "http://api", "deployments[0].base_url"),
        ("https://api", "https://user:pw@api", "deployments[0].base_url"),
        ("/v1/", "/v1?key=x", "deployments[0].base_url"),
        ("/v1/", "/v1/../x", "deployments[0].base_url"),
        ("models:", "listener: {hosts: ['*', a]}\nmodels:", "listener.hosts"),
        ("models:", "listener: {hosts: [A.example]}\nmodels:", "listener.hosts[0]"),
        ("models:", "listener: {tls: {cert_file: /c}}\nmodels:", "listener.tls.key_file"),
        ("models:", "listener: {tls: {cert_file: c, key_file: /k}}\nmodels:", "listener.tls.cert_file"),
        ("models:", "admin: {port: 8080}\nmodels:", "admin.port"),
        ("models:", "admin: {port: 65536}\nmodels:", "admin.port"),
        ("models:", "workers: 0\nmodels:", "workers"),
        ("models:", "workers: true\nmodels:", "workers"),
        ("models:", "limits: {request_timeout_s: .inf}\nmodels:", "limits.request_timeout_s"),
        ("models:", "limits: {max_body_bytes: 1e9}\nmodels:", "limits.max_body_bytes"),
    ],
)
def test_what_cannot_be_meant_is_refused_where_it_stands(old: str, new: str, path: str) -> None:
    assert path in [where for where, _ in _edited(old, new)]


def test_a_key_may_be_sent_in_clear_only_inside_our_own_network() -> None:
    for host in ("localhost", "127.0.0.1", "10.0.0.1", "[fd00::1]", "model", "model.ns.svc", "gpu.internal"):
        parse(_GOOD.replace("https://api.example.com", f"http://{host}:8000"), "test")
    for host in ("example.com", "8.8.8.8", "169.254.169.254", "[2001:db8::1]", "localhost.example.com"):
        problems = _problems(_GOOD.replace("https://api.example.com", f"http://{host}:8000"))
        assert problems == [
            ("deployments[0].base_url", "would send the provider's key in clear over a network that is not ours")
        ]


def test_a_file_that_is_not_there_or_not_text_says_so(tmp_path: Path) -> None:
    with pytest.raises(GatewayInvalid, match="No such file"):
        load(tmp_path / "gateway.yaml")
    (tmp_path / "gateway.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(GatewayInvalid, match="not UTF-8"):
        load(tmp_path / "gateway.yaml")


def test_equal_files_are_equal_snapshots() -> None:
    first, second = parse(_GOOD, "one"), parse(_GOOD, "two")
    assert isinstance(first, Gateway)
    assert first == second
