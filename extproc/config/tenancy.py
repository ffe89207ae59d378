"""Lists of ``{policy, organisation, team, project}`` and ``{policy, key}``: whose policy is whose.

check_names, check_tenants     report what is wrong, whatever the tree's shape
assign(sections, compiled)     → the policies by tenant
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from extproc.config.document import Document, Location
from extproc.config.limit_sections import Place
from extproc.config.routing import Section
from extproc.model.tenancy import PerTenant

T = TypeVar("T")

PolicyName = Annotated[
    str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="up to 63 of a-z, 0-9 and '-', such as standard")
]
_LEVELS = ("organisation", "team", "project")


class AssignmentSection(BaseModel):
    """Whose policy it is."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    policy: PolicyName
    organisation: Annotated[Place | None, Field(description="an organisation")] = None
    team: Annotated[Place | None, Field(description="a team of the organisation")] = None
    project: Annotated[Place | None, Field(description="a project of the team")] = None
    key: Annotated[
        str | None, Field(pattern=r"^key_[0-9A-Za-z]{22}$", description="the id of a key (key_…), by itself")
    ] = None


def check_names(document: Document, policies: Iterable[tuple[Location, Section]]) -> frozenset[str]:
    """Report names that are taken twice; the names."""
    names: set[str] = set()
    for location, policy in policies:
        name = policy.get("name")
        if not isinstance(name, str):
            continue
        if name in names:
            document.report((*location, "name"), f"{name!r} is already taken", "Keep one of the two.")
        names.add(name)
    return frozenset(names)


def check_default(document: Document, place: Location, section: Section, names: frozenset[str]) -> None:
    """Report a default that is no policy."""
    default = section.get("default")
    if isinstance(default, str) and default not in names:
        document.report((*place, "default"), f"there is no policy {default!r}", "Add it to policies.")


def check_tenants(document: Document, tenants: Iterable[tuple[Location, Section]], names: frozenset[str]) -> None:
    """Report what is wrong with whom policies are for."""
    taken: dict[tuple[str, ...], Location] = {}
    for place, tenant in tenants:
        _check_whom(document, place, tenant, names)
        whom = tuple(str(tenant.get(level)) for level in (*_LEVELS, "key"))
        if whom in taken:
            other = document.line_of(taken[whom])
            document.report(place, "another entry is for the same", f"Keep one of the two; the other is line {other}.")
        taken.setdefault(whom, place)


def assign(
    sections: Iterable[AssignmentSection], default: str | None, compiled: Mapping[str, T], none: T
) -> PerTenant[T]:
    """The policies by tenant; ``none`` is of whom no other is for. Total for what passed the checks."""
    organisations: dict[str, T] = {}
    teams: dict[tuple[str, str], T] = {}
    projects: dict[tuple[str, str, str], T] = {}
    keys: dict[str, T] = {}
    for tenant in sections:
        policy = compiled[tenant.policy]
        match (tenant.organisation, tenant.team, tenant.project, tenant.key):
            case (None, _, _, str(key)):
                keys[key] = policy
            case (str(organisation), None, _, _):
                organisations[organisation] = policy
            case (str(organisation), str(team), None, _):
                teams[organisation, team] = policy
            case (str(organisation), str(team), str(project), _):
                projects[organisation, team, project] = policy
    return PerTenant(
        default=none if default is None else compiled[default],
        organisations=MappingProxyType(organisations),
        teams=MappingProxyType(teams),
        projects=MappingProxyType(projects),
        keys=MappingProxyType(keys),
    )


def _check_whom(document: Document, place: Location, tenant: Section, names: frozenset[str]) -> None:
    policy = tenant.get("policy")
    if isinstance(policy, str) and policy not in names:
        fix = "Add it to policies, or correct the name."
        document.report((*place, "policy"), f"there is no policy {policy!r}", fix)
    organisation, team, project = (tenant.get(level) for level in _LEVELS)
    if tenant.get("key") is not None:
        if any(each is not None for each in (organisation, team, project)):
            fix = "Remove organisation, team and project."
            document.report((*place, "key"), "a key says by itself whose it is", fix)
    elif organisation is None:
        document.report(place, "it says for nobody", "Add organisation, or key.")
    elif project is not None and team is None:
        document.report((*place, "project"), "a project is one of a team", "Add the project's team.")
