"""The stack's own virtual key: minted once, the same at every start for as long as it works."""

import json
import time
from pathlib import Path

from extproc import bootstrap
from extproc.config.environment import Environment
from extproc.local.state import remembered_key, write_private
from extproc.model.ids import KeyId, OrganisationId, ProjectId, TeamId
from extproc.model.keys import Deed, KeyProblem
from extproc.model.secret import Secret
from extproc.operations.keys import KeyDesk, KeyOrder, mint, show

_ORDER = KeyOrder(
    organisation=OrganisationId("local"),
    team=TeamId("demo"),
    project=ProjectId("demo"),
    environment="local",
    owner="whoever runs extproc up",
    allowed_models=None,
    tags=("demo",),
    expires_at_s=None,
)
_DEED = Deed(actor="extproc up", approval="local stack")


async def provide(environment: Environment, file: Path) -> Secret:
    """The key that the file remembers while it is live; else a new one, remembered.

    Raises:
        Unavailable: Postgres or the vault did not answer.
    """
    async with bootstrap.open_key_desk(environment) as desk:
        known = remembered_key(file)
        if known is not None and await _is_live(desk, known[0]):
            return known[1]
        minted = await mint(desk, _ORDER, _DEED, may_create_project=True)
    write_private(file, json.dumps({"id": minted.key.id, "key": minted.token.reveal()}))
    return minted.token


async def _is_live(desk: KeyDesk, key: KeyId) -> bool:
    try:
        return (await show(desk, key)).key.is_live(time.time())
    except KeyProblem:
        return False
