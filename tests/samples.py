"""Values that tests of several rooms start from. Change what matters with ``dataclasses.replace``."""

import secrets

from extproc.model.identity import VirtualKey
from extproc.model.ids import KeyId, ModelName, OrganisationId, ProjectId, TeamId
from extproc.model.secret import Secret
from extproc.model.token import digest_token, mint_token

NOW_S = 1_800_000_000.0
PEPPER = Secret("a pepper that tests use and nothing else")

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def make_token(organisation: str = "acme") -> Secret:
    return mint_token(OrganisationId(organisation), secrets.randbelow)


def digest_of(token: Secret) -> bytes:
    return digest_token(token, PEPPER)


def make_key(
    *,
    organisation: str = "acme",
    team: str = "search",
    project: str = "ranking",
    models: frozenset[str] | None = None,
    expires_at_s: float | None = None,
    revoked_at_s: float | None = None,
) -> VirtualKey:
    return VirtualKey(
        id=KeyId("key_" + "".join(secrets.choice(_ALPHABET) for _ in range(22))),
        organisation=OrganisationId(organisation),
        team=TeamId(team),
        project=ProjectId(project),
        environment="test",
        owner="owner@acme.example",
        allowed_models=None if models is None else frozenset(ModelName(name) for name in models),
        tags=("batch",),
        created_at_s=NOW_S,
        expires_at_s=expires_at_s,
        revoked_at_s=revoked_at_s,
        hint="gk_acme_…abcd",
    )
