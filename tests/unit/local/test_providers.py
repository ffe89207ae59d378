from pathlib import Path

import pytest

from extproc.config.gateway import load
from extproc.local import providers
from extproc.local.problems import CannotStart


def test_openai_is_known_with_chat_and_embedding_models() -> None:
    found = providers.find("openai", None)
    assert found.base_url == "https://api.openai.com/v1"
    assert {offer.operation for offer in found.offers} == {"chat.completions", "embeddings"}


def test_the_example_file_names_models_that_openai_offers() -> None:
    example = load(Path(__file__).parents[3] / "envoy" / "gateway.example.yaml")
    at_openai = [each for each in example.catalog.deployments.values() if each.host == "api.openai.com"]
    asked = {(each.upstream_model, operation) for each in at_openai for operation in each.operations}
    offered = {(offer.name, offer.operation) for offer in providers.find("openai", None).offers}
    assert asked
    assert asked <= offered


def test_an_unknown_provider_is_refused_with_the_known_ones() -> None:
    with pytest.raises(CannotStart, match="known are: openai"):
        providers.find("opnai", None)


@pytest.mark.parametrize("text", ["sk-abc", "sk-abc\n", "  sk-abc\r\n"])
def test_a_key_is_read_without_the_ends_of_its_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "key"
    file.write_text(text)
    assert providers.read_key(file) == "sk-abc"


@pytest.mark.parametrize("content", [b"", b"\n", b"sk-a\nsk-b\n", b"sk a", b"sk-\xc3\xa9", b"sk-\0", b"s" * 20_000])
def test_what_is_not_one_key_is_refused_without_being_shown(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(CannotStart, match="does not hold one key") as refused:
        providers.read_key(file)
    assert "sk" not in str(refused.value).replace(str(file), "")


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="cannot be read: No such file"):
        providers.read_key(tmp_path / "none")
