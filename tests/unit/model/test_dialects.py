from dataclasses import replace

import pytest

from extproc.model.catalog import CredentialRef, Operation
from extproc.model.credentials import Engine, Source
from extproc.model.dialects import DIALECTS, credential_refs
from tests.unit.model.test_catalog import DEPLOYMENT

REF = CredentialRef("providers/x", "api_key")


@pytest.mark.parametrize("name", DIALECTS)
def test_a_dialect_serves_operations_that_there_are_and_explains_each_option(name: str) -> None:
    facts = DIALECTS[name]
    assert facts.operations
    assert facts.operations <= {operation.value for operation in Operation}
    for option in facts.options.values():
        assert option.meaning
        assert not option.choices or option.default is None or option.default in option.choices


@pytest.mark.parametrize("name", DIALECTS)
def test_an_open_endpoint_needs_no_credential(name: str) -> None:
    assert credential_refs(replace(DEPLOYMENT, dialect=name, credential=None)) == ()


@pytest.mark.parametrize("name", DIALECTS)
def test_a_credential_is_one_field_or_all_that_the_dialect_names_in_its_order(name: str) -> None:
    facts = DIALECTS[name]
    found = credential_refs(replace(DEPLOYMENT, dialect=name, credential=REF))
    needed = tuple(replace(REF, field=field) for field in facts.credential_fields or (REF.field,))
    assert found == needed + tuple(replace(REF, field=field, is_optional=True) for field in facts.optional_fields)


def test_every_part_of_a_credential_comes_from_the_one_source_that_the_deployment_names() -> None:
    lease = CredentialRef("aws/sts/bedrock", "token", Engine.LEASE)
    found = credential_refs(replace(DEPLOYMENT, dialect="bedrock", credential=lease))
    assert [ref.field for ref in found] == ["access_key_id", "secret_access_key", "session_token"]
    assert {ref.source for ref in found} == {Source("aws/sts/bedrock", Engine.LEASE)}


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        DIALECTS["x"] = DIALECTS["openai"]
