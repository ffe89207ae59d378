"""Names of things, each with a type of its own so that one cannot be passed for another."""

from typing import NewType

OrganisationId = NewType("OrganisationId", str)
TeamId = NewType("TeamId", str)
ProjectId = NewType("ProjectId", str)
KeyId = NewType("KeyId", str)
"""The public id of a virtual key (``key_…``); never the key itself."""

ExchangeId = NewType("ExchangeId", str)
"""Envoy's ``x-request-id`` of one client request: the same on every attempt, record and answer."""

ModelName = NewType("ModelName", str)
"""The name applications ask for."""

DeploymentName = NewType("DeploymentName", str)
"""One provider endpoint serving one upstream model; also the name of its Envoy cluster."""

GroupName = NewType("GroupName", str)
"""Deployments that stand for each other; a model's own list of deployments is a group with the model's name."""
