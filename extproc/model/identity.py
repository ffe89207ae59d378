"""Who is calling, and the receipts that prove it was checked."""

from dataclasses import dataclass

from extproc.model.ids import KeyId, ModelName, OrganisationId, ProjectId, TeamId


@dataclass(frozen=True, slots=True)
class VirtualKey:
    """What the directory knows of one key. Times are UTC seconds since the epoch."""

    id: KeyId
    organisation: OrganisationId
    team: TeamId
    project: ProjectId
    environment: str
    owner: str
    allowed_models: frozenset[ModelName] | None
    """None: every model of the catalog."""
    tags: tuple[str, ...]
    created_at_s: float
    expires_at_s: float | None
    revoked_at_s: float | None
    """A moment in the future is a rotation's grace period: the key works until then."""
    hint: str
    """What may be shown of the key: its prefix and last four characters."""

    def is_live(self, now_s: float) -> bool:
        """Whether the key is neither expired nor revoked at this moment."""
        return (self.expires_at_s is None or now_s < self.expires_at_s) and (
            self.revoked_at_s is None or now_s < self.revoked_at_s
        )

    def may_use(self, model: ModelName) -> bool:
        """Whether the key was given this model."""
        return self.allowed_models is None or model in self.allowed_models


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose credential was found, live, in the directory. Only ``policy.identify`` makes one."""

    key: VirtualKey


@dataclass(frozen=True, slots=True)
class Permit:
    """A principal's leave to use one model. Only ``policy.authorize`` makes one."""

    principal: Principal
    model: ModelName
