from dataclasses import replace

import pytest

from extproc.adapters.memory import MemoryHealth
from extproc.model.catalog import Catalog, Operation
from extproc.model.identity import Permit, Principal
from extproc.model.refusals import OPERATION_NOT_SUPPORTED, Refusal
from extproc.model.routing import Feature, Modality, Needs
from extproc.policy.route import Circumstances, choose_route
from tests.samples import make_key
from tests.unit.exchange.worlds import CATALOG, MAIN, SPARE, TWO

PERMIT = Permit(Principal(make_key()), TWO)
NEEDS = Needs(10, None, frozenset({Modality.TEXT}), frozenset[Feature]())


def at(catalog: Catalog) -> Circumstances:
    return Circumstances(catalog, MemoryHealth(), 0.0, lambda: 0.5)


def test_deployments_come_in_the_catalogs_order() -> None:
    assert choose_route(PERMIT, Operation.CHAT, NEEDS, at(CATALOG)).deployments == (MAIN, SPARE)


def test_a_deployment_that_does_not_serve_the_operation_is_passed_over() -> None:
    chat_only = replace(MAIN, operations=frozenset({Operation.CHAT}))
    catalog = replace(CATALOG, deployments={MAIN.name: chat_only, SPARE.name: SPARE})
    assert choose_route(PERMIT, Operation.EMBEDDINGS, NEEDS, at(catalog)).deployments == (SPARE,)


def test_a_model_without_such_a_deployment_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        choose_route(PERMIT, Operation.LIST_MODELS, NEEDS, at(CATALOG))
    assert caught.value.kind is OPERATION_NOT_SUPPORTED
