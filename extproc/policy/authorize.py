"""May this caller use that model? The only file that makes a Permit.

A model that does not exist and one the key was not given are told apart by nothing. Read next: ``route``.
"""

from extproc.model.catalog import Catalog, Model
from extproc.model.identity import Permit, Principal
from extproc.model.ids import ModelName
from extproc.model.refusals import MODEL_NOT_FOUND, Refusal


def authorize(principal: Principal, model_name: str, catalog: Catalog) -> Permit:
    """Leave to use the model with exactly this name: no case folding, no trimming, no aliases.

    Raises:
        Refusal: there is no such model, or the key was not given it.
    """
    name = ModelName(model_name)
    if name not in catalog.models or not principal.key.may_use(name):
        raise Refusal(MODEL_NOT_FOUND, param="model")
    return Permit(principal, name)


def visible_models(principal: Principal, catalog: Catalog) -> tuple[Model, ...]:
    """The models this caller may use, by name."""
    allowed = (model for model in catalog.models.values() if principal.key.may_use(model.name))
    return tuple(sorted(allowed, key=lambda model: model.name))
