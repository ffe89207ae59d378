"""One deployment of every dialect, for tests that go over all of them."""

from collections.abc import Mapping

from extproc.model.catalog import Deployment, Operation, Timeouts
from extproc.model.dialects import DIALECTS
from extproc.model.ids import DeploymentName

_MUST = {"api_version": "2024-10-21", "region": "eu-west-1", "project": "acme-prod", "location": "europe-west4"}
_MODELS = {"vertex": "gemini-2.5-flash"}


def _deployment(dialect: str) -> Deployment:
    options = DIALECTS[dialect].options
    return Deployment(
        name=DeploymentName(dialect),
        dialect=dialect,
        scheme="https",
        host="api.example",
        port=443,
        base_path="/v1",
        upstream_model=_MODELS.get(dialect, "model-x"),
        operations=frozenset({Operation.CHAT}),
        credential=None,
        timeouts=Timeouts(1, 2, 3, 4),
        max_connections=10,
        ca_file=None,
        options={name: _MUST[name] if option.default is None else option.default for name, option in options.items()},
    )


DEPLOYMENTS: Mapping[str, Deployment] = {name: _deployment(name) for name in DIALECTS}
