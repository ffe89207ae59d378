from pathlib import Path

import pytest

from extproc.config.gateway import parse
from extproc.local import providers
from extproc.local.gateway_file import GatewayFile, generate
from extproc.local.model import MODEL_NAME
from extproc.model.ids import GroupName, ModelName
from extproc.model.routing import Strategy

OPENAI = providers.find("openai", None)


@pytest.fixture
def file(tmp_path: Path) -> GatewayFile:
    return GatewayFile(tmp_path / "gateway.yaml")


@pytest.mark.parametrize("provider", [None, OPENAI])
@pytest.mark.parametrize("has_model", [True, False])
def test_every_generated_file_is_a_valid_gateway_without_warnings(
    provider: providers.Provider | None, *, has_model: bool
) -> None:
    gateway = parse(generate((4000, 4001), provider, has_model=has_model), "generated")
    assert gateway.warnings == ()
    assert gateway.catalog.models


def test_the_local_model_is_served_for_chat_and_embeddings_without_a_credential() -> None:
    catalog = parse(generate((4123,), None, has_model=True), "generated").catalog
    (deployment,) = catalog.deployments.values()
    assert (deployment.host, deployment.port, deployment.credential) == ("127.0.0.1", 4123, None)
    assert len(deployment.operations) == 2
    assert list(catalog.models) == [MODEL_NAME]


@pytest.mark.parametrize("provider", [None, OPENAI])
def test_several_local_models_stand_for_each_other_behind_one_name(provider: providers.Provider | None) -> None:
    catalog = parse(generate((4123, 4124, 4125), provider, has_model=True), "generated").catalog
    behind = catalog.deployments_of(ModelName(MODEL_NAME))
    assert [(each.name, each.port) for each in behind] == [("local-1", 4123), ("local-2", 4124), ("local-3", 4125)]
    assert catalog.groups[GroupName("local")].strategy is Strategy.LEAST_BUSY


def test_one_failure_of_a_local_model_is_enough_and_nobody_waits_long_for_it() -> None:
    catalog = parse(generate((4123, 4124), None, has_model=True), "generated").catalog
    assert catalog.routing.allowed_fails == 1
    assert max(each.timeouts.first_token_s for each in catalog.deployments.values()) <= 10
    assert max(each.timeouts.total_s for each in catalog.deployments.values()) <= 30


def test_a_provider_adds_its_models_with_its_key_in_the_vault_only() -> None:
    text = generate((4000, 4001), OPENAI, has_model=True)
    catalog = parse(text, "generated").catalog
    assert {offer.name for offer in OPENAI.offers} < set(catalog.models)
    refs = {each.credential.path for each in catalog.deployments.values() if each.credential}
    assert refs == {"providers/openai"}


def test_a_provider_at_another_address_is_used_there() -> None:
    elsewhere = providers.find("openai", "http://127.0.0.1:9999/v1/")
    catalog = parse(generate((4000, 4001), elsewhere, has_model=False), "generated").catalog
    assert {each.port for each in catalog.deployments.values()} == {9999}


def test_an_untouched_file_is_regenerated(file: GatewayFile) -> None:
    assert file.write("one\n")
    assert file.write("two\n")
    assert file.path.read_text() == "two\n"


def test_an_edited_file_is_kept_and_the_generated_text_lies_beside_it(file: GatewayFile) -> None:
    file.write("one\n")
    file.path.write_text("mine\n")
    assert not file.write("two\n")
    assert file.path.read_text() == "mine\n"
    assert file.twin.read_text() == "two\n"
    assert not file.write("three\n")
    assert file.path.read_text() == "mine\n"


def test_a_file_that_was_there_before_us_is_kept(file: GatewayFile) -> None:
    file.path.write_text("mine\n")
    assert not file.write("one\n")
    assert file.path.read_text() == "mine\n"


def test_an_edit_taken_back_makes_the_file_ours_again(file: GatewayFile) -> None:
    file.write("one\n")
    file.path.write_text("mine\n")
    file.write("two\n")
    file.path.write_text("two\n")
    assert file.write("three\n")
    assert file.path.read_text() == "three\n"
