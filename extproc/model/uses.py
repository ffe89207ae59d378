"""Who still uses what: requests by key, model and deployment, as ``extproc models usage`` tells them."""

from dataclasses import dataclass
from datetime import date

from extproc.model.identity import VirtualKey
from extproc.model.ids import DeploymentName, KeyId, ModelName


@dataclass(frozen=True, slots=True)
class Use:
    """Something to count: a key asked for a model, and a deployment answered, on one day (UTC)."""

    day: date
    key: KeyId
    model: ModelName
    deployment: DeploymentName


@dataclass(frozen=True, slots=True)
class Count:
    """How often, and when last, in UTC seconds."""

    requests: int
    last_used_at_s: float


@dataclass(frozen=True, slots=True)
class UseFilter:
    """Which uses are told."""

    since: date
    """UTC; from the beginning of this day on."""
    models: frozenset[ModelName] = frozenset()
    """Empty, as with ``deployments``: all."""
    deployments: frozenset[DeploymentName] = frozenset()


@dataclass(frozen=True, slots=True)
class KeyUse:
    """One key's use of one model of one deployment, over the days asked about."""

    key_id: KeyId
    key: VirtualKey | None
    """None: it is not in the directory, which is so only where the database was set back."""
    model: ModelName
    deployment: DeploymentName
    count: Count
