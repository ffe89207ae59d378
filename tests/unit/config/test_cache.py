"""What gateway.yaml may say of the cache, and that everything wrong with it is said at once."""

from pathlib import Path

import pytest

from extproc.config.gateway import Gateway, GatewayInvalid, parse
from extproc.model.cache import NO_CACHE, CachePolicy, Scope
from extproc.model.catalog import CredentialRef
from extproc.model.embedders import (
    BuiltInModel,
    EmbedderSettings,
    EndpointModel,
    LocalModel,
    SentenceTransformersModel,
)

_BASE = """
deployments:
  - {name: a, base_url: "http://127.0.0.1:8000", upstream_model: m-1}
models:
  - {name: m, deployments: [a]}
"""


def _gateway(text: str = "") -> Gateway:
    return parse(f"{_BASE}{text}", "test")


def _policy(text: str) -> CachePolicy:
    return _gateway(f"cache:\n  default: p\n  policies: [{{name: p, {text}}}]\n").cache.default


def _problems(text: str) -> list[tuple[str, str]]:
    with pytest.raises(GatewayInvalid) as raised:
        _gateway(f"cache:\n{text}")
    return [(problem.path, problem.message) for problem in raised.value.problems]


def test_a_file_that_says_nothing_remembers_nothing() -> None:
    assert _gateway().cache.of("acme", "t", "p", "k") is NO_CACHE
    assert _gateway().embedder == BuiltInModel()


def test_a_policy_means_what_the_file_says() -> None:
    policy = _policy(
        "semantic: true, scope: user, ttl_s: 60, threshold: 0.9, shadow_share: 0.02, waits: false,"
        " counts_requests: false, max_entries: 10"
    )
    assert policy == CachePolicy(policy.version, True, True, Scope.USER, 60, 0.9, 0.02, False, False, 10)


def test_what_is_near_includes_what_is_the_same() -> None:
    assert _policy("exact: false, semantic: true").is_exact


def test_a_version_follows_what_makes_an_answer_right_and_not_how_long_it_is_kept() -> None:
    assert _policy("ttl_s: 60").version == _policy("ttl_s: 61").version
    assert _policy("scope: user").version != _policy("scope: team").version


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("onnx: {directory: /models/e5, threshold: 0.9}", LocalModel(Path("/models/e5"), 0.9)),
        (
            'endpoint: {url: "https://e.example/e", model: e, dimensions: 8, threshold: 0.8, credential: {path: p/e}}',
            EndpointModel("https://e.example/e", "e", 8, 0.8, CredentialRef("p/e", "api_key")),
        ),
        (
            "sentence_transformers: {directory: /models/x, threshold: 0.7}",
            SentenceTransformersModel(Path("/models/x"), 0.7),
        ),
    ],
)
def test_another_model_makes_the_vectors(text: str, settings: EmbedderSettings) -> None:
    assert _gateway(f"cache: {{embedder: {{{text}}}}}\n").embedder == settings


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("  policies: [{name: p, exact: false}]\n", "cache.policies[0]", "it remembers nothing"),
        ("  default: q\n", "cache.default", "there is no policy 'q'"),
        ("  policies: [{name: p}, {name: p}]\n", "cache.policies[1].name", "'p' is already taken"),
        ("  tenants: [{policy: q, organisation: acme}]\n", "cache.tenants[0].policy", "there is no policy 'q'"),
        (
            "  embedder: {onnx: {directory: /m, threshold: 1}, sentence_transformers: {directory: /m, threshold: 1}}\n",
            "cache.embedder",
            "it is of one kind",
        ),
    ],
)
def test_what_is_wrong_is_said(text: str, path: str, message: str) -> None:
    assert (path, message) in _problems(text)


def test_a_policy_that_asks_for_likeness_is_told_that_there_is_none_yet() -> None:
    text = "cache:\n  policies: [{name: p, semantic: true}, {name: q}]\n"
    assert [each.path for each in _gateway(text).warnings] == ["cache.policies[0].semantic"]
