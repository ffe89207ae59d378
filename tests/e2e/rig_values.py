"""What the rig's workers and its tests both know. None of it is a secret of anybody."""

import random

from extproc.model.ids import OrganisationId
from extproc.model.secret import Secret
from extproc.model.token import mint_token

PEPPER = Secret("rig-pepper")
TOKEN = mint_token(OrganisationId("acme"), random.Random(7).randrange).reveal()  # noqa: S311
OTHERS = {name: mint_token(OrganisationId(name), random.Random(name).randrange).reveal() for name in ("beta", "gamma")}  # noqa: S311
"""Keys of other organisations."""
PROVIDER_KEY = "sk-canary-provider-key"
AWS_KEY_ID = "AKIACANARYKEYID"
AWS_SECRET = "canary/aws+secret"

FAULTS = ("return-clean", "return", "raise", "hang")
LATE_FAULTS = ("return-late", "raise-late")

CANARIES = "canaries/"
"""The vault's paths below which every secret is the one that ``canary`` says."""


def canary(path: str, field: str) -> str:
    """A secret that tells whose it is wherever it turns up."""
    return f"canary-{path.removeprefix(CANARIES)}.{field}"
