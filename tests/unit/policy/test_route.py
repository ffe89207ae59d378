from dataclasses import replace

import pytest

from extproc.model.catalog import Operation
from extproc.model.identity import Permit, Principal
from extproc.model.refusals import OPERATION_NOT_SUPPORTED, Refusal
from extproc.policy.route import choose_deployments
from tests.samples import make_key
from tests.unit.exchange.worlds import CATALOG, MAIN, SPARE, TWO

PERMIT = Permit(Principal(make_key()), TWO)


def test_deployments_come_in_the_catalogs_order() -> None:
    assert choose_deployments(PERMIT, Operation.CHAT, CATALOG) == (MAIN, SPARE)


def test_a_deployment_that_does_not_serve_the_operation_is_passed_over() -> None:
    chat_only = replace(MAIN, operations=frozenset({Operation.CHAT}))
    catalog = replace(CATALOG, deployments={MAIN.name: chat_only, SPARE.name: SPARE})
    assert choose_deployments(PERMIT, Operation.EMBEDDINGS, catalog) == (SPARE,)


def test_a_model_without_such_a_deployment_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        choose_deployments(PERMIT, Operation.LIST_MODELS, CATALOG)
    assert caught.value.kind is OPERATION_NOT_SUPPORTED
