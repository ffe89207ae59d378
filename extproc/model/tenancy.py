"""One value for each tenant: an organisation's, a team's, a project's or a key's; the closest one holds, whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from extproc.model.identity import VirtualKey

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PerTenant(Generic[T]):
    """The values of all tenants."""

    default: T
    organisations: Mapping[str, T] = field(default_factory=dict)
    teams: Mapping[tuple[str, str], T] = field(default_factory=dict)
    projects: Mapping[tuple[str, str, str], T] = field(default_factory=dict)
    keys: Mapping[str, T] = field(default_factory=dict)

    def of(self, organisation: str, team: str, project: str, key: str) -> T:
        """The closest one."""
        for found in (
            self.keys.get(key),
            self.projects.get((organisation, team, project)),
            self.teams.get((organisation, team)),
            self.organisations.get(organisation),
        ):
            if found is not None:
                return found
        return self.default

    def of_key(self, key: VirtualKey) -> T:
        """The one for a virtual key."""
        return self.of(key.organisation, key.team, key.project, key.id)

    @property
    def all(self) -> tuple[T, ...]:
        """Every value that somebody may get."""
        lists = (self.organisations, self.teams, self.projects, self.keys)
        return (self.default, *(each for found in lists for each in found.values()))
