"""The keys of the file: their bounds, their defaults and their explanations."""

from collections.abc import Iterator

import pytest
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from extproc.config.schema import GatewaySection, LimitsSection, VaultSection

MINIMAL = {
    "deployments": [{"name": "a", "base_url": "https://a.example/v1", "upstream_model": "m"}],
    "models": [{"name": "m", "deployments": ["a"]}],
}


def sections(kind: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield kind
    for field in kind.model_fields.values():
        for inner in _kinds(field.annotation):
            yield from sections(inner)


def _kinds(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _kinds(argument)


def fields() -> list[tuple[str, FieldInfo]]:
    return [
        (f"{kind.__name__}.{name}", each)
        for kind in sections(GatewaySection)
        for name, each in kind.model_fields.items()
    ]


def refused(**changes: object) -> bool:
    try:
        GatewaySection.model_validate(MINIMAL | changes)
    except ValidationError:
        return True
    return False


def test_only_deployments_and_models_must_be_written() -> None:
    assert not refused()
    required = {name for name, field in GatewaySection.model_fields.items() if field.is_required()}
    assert required == {"deployments", "models"}


@pytest.mark.parametrize(("name", "field"), fields(), ids=[name for name, _ in fields()])
def test_every_value_says_what_to_write_there(name: str, field: FieldInfo) -> None:
    is_section = isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    assert is_section or field.description


@pytest.mark.parametrize("kind", list(dict.fromkeys(sections(GatewaySection))), ids=lambda kind: kind.__name__)
def test_no_section_takes_a_key_it_does_not_know_or_a_value_of_another_kind(kind: type[BaseModel]) -> None:
    assert kind.model_config.get("extra") == "forbid"
    assert kind.model_config.get("strict") is True
    assert kind.model_config.get("frozen") is True


@pytest.mark.parametrize(
    ("section", "key", "good", "bad"),
    [
        ("limits", "max_body_bytes", [1024, 2**28], [1023, 2**28 + 1, 1.0, "1024"]),
        ("limits", "max_headers_kib", [8, 192], [7, 193]),
        ("limits", "request_timeout_s", [0.001, 3600], [0, -1, 3601, float("inf"), float("nan"), "30"]),
        ("limits", "max_heap_bytes", [2**27, 2**40], [2**27 - 1]),
        ("limits", "max_connections", [1], [0, True]),
        ("vault", "max_stale_s", [2_592_000], [2_592_001, 0]),
        ("keys", "poll_s", [0.001], [0]),
        ("listener", "port", [0, 65535], [-1, 65536, "80"]),
        ("listener", "address", ["0.0.0.0", "::"], ["localhost", "", "1"]),
        ("listener", "hosts", [["*"], ["*.a.example"], ["a-1.example"]], [[], ["A"], ["a:80"], ["*a"], ["a/b"], "a"]),
    ],
)
def test_bounds_are_where_the_explanation_puts_them(
    section: str, key: str, good: list[object], bad: list[object]
) -> None:
    assert [value for value in good if refused(**{section: {key: value}})] == []
    assert [value for value in bad if not refused(**{section: {key: value}})] == []


@pytest.mark.parametrize("name", ["a", "0", "a.b_c-d", "a" * 63])
def test_a_deployments_name_can_stand_in_a_cluster_a_metric_and_a_lua_string(name: str) -> None:
    assert not refused(deployments=[MINIMAL["deployments"][0] | {"name": name}])


@pytest.mark.parametrize("name", ["", "A", "-a", ".a", "a b", 'a"', "a\n", "a/b", "a" * 64, "é", 7])
def test_no_other_name_is_taken(name: object) -> None:
    assert refused(deployments=[MINIMAL["deployments"][0] | {"name": name}])


def test_defaults_are_safe_and_agree() -> None:
    limits, vault = LimitsSection(), VaultSection()
    assert limits.request_headers_timeout_s <= limits.request_timeout_s
    assert vault.refresh_s < vault.max_stale_s
    assert GatewaySection.model_validate(MINIMAL).admin.address == "127.0.0.1"
    assert GatewaySection.model_validate(MINIMAL).health.address == "127.0.0.1"
