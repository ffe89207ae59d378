"""Which deployments are about to be retired by their provider, or already are, and who would notice. Pure.

``gateway.yaml`` has the announced day (``retires_on``); ``extproc check``, ``extproc status`` and the workers' log say
what is found here. ``operations.uses`` knows which keys still ask for them.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta

from extproc.model.catalog import Catalog
from extproc.model.ids import DeploymentName, GroupName, ModelName

WARNED_DAYS = 60
"""So long before its last day a deployment is spoken of."""


@dataclass(frozen=True, slots=True)
class Retirement:
    """One deployment whose provider said when it ends."""

    deployment: DeploymentName
    retires_on: date
    """Its last day."""
    days_left: int
    """0 on that day, below 0 after it."""
    models: tuple[ModelName, ...]
    """The names applications ask for that may lead to it, fallbacks included."""
    groups: tuple[GroupName, ...]
    """The groups it is a member of; a model's own list is no group here."""

    def describe(self) -> str:
        """When it is, in words."""
        match self.days_left:
            case 0:
                return "retires today"
            case left if left > 0:
                return f"retires in {_days(left)}"
            case left:
                return f"retired {_days(-left)} ago"

    def describe_users(self) -> str:
        """What leads to it, in words."""
        models = f"asked for as {', '.join(self.models)}" if self.models else "no model leads to it"
        return f"{models}; in {', '.join(self.groups)}" if self.groups else models


def find_retirements(catalog: Catalog, today: date) -> tuple[Retirement, ...]:
    """Every deployment that ends within ``WARNED_DAYS`` or has ended; what ends first comes first.

    Args:
        catalog: what the gateway serves.
        today: in UTC, as ``retires_on`` is.
    """
    horizon = today + timedelta(days=WARNED_DAYS)
    ending = {
        each.name: each.retires_on
        for each in catalog.deployments.values()
        if each.retires_on is not None and each.retires_on <= horizon
    }
    if not ending:
        return ()
    models: defaultdict[DeploymentName, list[ModelName]] = defaultdict(list)
    for model in catalog.models:
        for deployment in catalog.deployments_of(model):
            models[deployment.name].append(model)
    own = {GroupName(name) for name, model in catalog.models.items() if model.target == GroupName(name)}
    groups: defaultdict[DeploymentName, list[GroupName]] = defaultdict(list)
    for group in catalog.groups.values():
        for member in group.members if group.name not in own else ():
            groups[member.deployment].append(group.name)
    found = (
        Retirement(name, day, (day - today).days, tuple(models[name]), tuple(groups[name]))
        for name, day in ending.items()
    )
    return tuple(sorted(found, key=lambda each: (each.retires_on, each.deployment)))


@dataclass(slots=True)
class Reminder:
    """Remembers what was said today, so that each retirement is said once a day and a new one at once."""

    _day: date = date.min
    _said: set[tuple[DeploymentName, date]] = field(default_factory=set)

    def due(self, catalog: Catalog, today: date) -> tuple[Retirement, ...]:
        """What is to be said now; it then counts as said."""
        if today != self._day:
            self._day, self._said = today, set()
        due = [
            each for each in find_retirements(catalog, today) if (each.deployment, each.retires_on) not in self._said
        ]
        self._said.update((each.deployment, each.retires_on) for each in due)
        return tuple(due)


def _days(count: int) -> str:
    return f"{count} day{'' if count == 1 else 's'}"
