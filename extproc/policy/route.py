"""Which deployments serve a permitted request, in order.

Here: those the catalog lists for the model, in its order, that serve the operation. Strategies and health come behind
the same question.
"""

from extproc.model.catalog import Catalog, Deployment, Operation
from extproc.model.identity import Permit
from extproc.model.refusals import OPERATION_NOT_SUPPORTED, Refusal


def choose_deployments(permit: Permit, operation: Operation, catalog: Catalog) -> tuple[Deployment, ...]:
    """At least one deployment, first choice first.

    Raises:
        Refusal: OPERATION_NOT_SUPPORTED; no deployment of the model serves this operation.
    """
    model = catalog.models[permit.model]
    chosen = tuple(
        deployment
        for deployment in (catalog.deployments[name] for name in model.deployments)
        if operation in deployment.operations
    )
    if not chosen:
        raise Refusal(OPERATION_NOT_SUPPORTED, param="model")
    return chosen
