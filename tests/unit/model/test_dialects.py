from dataclasses import replace

import pytest

from extproc.model.catalog import CredentialRef, Operation
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
    fields = DIALECTS[name].credential_fields or (REF.field,)
    found = credential_refs(replace(DEPLOYMENT, dialect=name, credential=REF))
    assert found == tuple(CredentialRef(REF.path, field) for field in fields)


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        DIALECTS["x"] = DIALECTS["openai"]
