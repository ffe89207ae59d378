"""Which models a key may use."""

import pytest

from extproc.model.catalog import Catalog, Model
from extproc.model.identity import Principal
from extproc.model.ids import GroupName, ModelName
from extproc.model.refusals import MODEL_NOT_FOUND, Refusal
from extproc.policy.authorize import authorize, visible_models
from tests.samples import make_key


def make_catalog(*names: str) -> Catalog:
    models = {ModelName(n): Model(ModelName(n), GroupName(n), "acme", 1_700_000_000) for n in names}
    return Catalog("v1", models, {}, {})


CATALOG = make_catalog("small", "large", "embed")


def test_a_key_without_a_list_may_use_every_model() -> None:
    principal = Principal(make_key(models=None))
    assert authorize(principal, "large", CATALOG).model == "large"
    assert [model.name for model in visible_models(principal, CATALOG)] == ["embed", "large", "small"]


def test_a_key_with_a_list_sees_and_uses_only_that_list() -> None:
    principal = Principal(make_key(models=frozenset({"small", "gone"})))
    assert authorize(principal, "small", CATALOG).model == "small"
    assert [model.name for model in visible_models(principal, CATALOG)] == ["small"]


def test_a_key_with_an_empty_list_may_use_nothing() -> None:
    assert visible_models(Principal(make_key(models=frozenset())), CATALOG) == ()


@pytest.mark.parametrize(
    "name", ["large", "nothing", "gone", "small ", "Small", "acme/small", "ft:small", "", "sm\0all"]
)
def test_a_forbidden_model_and_an_absent_one_get_the_same_answer(name: str) -> None:
    with pytest.raises(Refusal) as refused:
        authorize(Principal(make_key(models=frozenset({"small", "gone"}))), name, CATALOG)
    assert (refused.value.kind, refused.value.message, refused.value.param) == (MODEL_NOT_FOUND, "", "model")
