"""What there must be, and who logs in. ``cli/test_vault`` runs the check."""

from dataclasses import replace
from pathlib import Path

import pytest

from extproc.adapters.memory import MemoryClock
from extproc.bootstrap_vault import PEPPER, credentials_of, open_vault
from extproc.config.environment import Environment, EnvironmentInvalid
from extproc.config.gateway import parse
from extproc.model.credentials import Engine, Source

TEXT = """
deployments:
- {name: a, base_url: "https://a.example", upstream_model: m, dialect: bedrock, options: {region: r},
   credential: {lease: aws/sts/b}}
- {name: b, base_url: "http://127.0.0.1:9", upstream_model: m}
models: [{name: m, deployments: [a, b]}]
"""


def test_the_pepper_and_every_part_of_every_credential_must_be_there() -> None:
    found = tuple(credentials_of(parse(TEXT, "x")))
    assert found[0] == PEPPER
    assert {ref.source for ref in found[1:]} == {Source("aws/sts/b", Engine.LEASE)}
    assert len(found) == 4


async def test_each_way_to_log_in_is_taken_from_the_environment(tmp_path: Path) -> None:
    app_role = Environment(vault_role_id_file=tmp_path, vault_secret_id_file=tmp_path)
    jwt = Environment(vault_auth="jwt", vault_role="r", vault_token_file=tmp_path, vault_auth_mount="ci")
    kubernetes = Environment(vault_auth="kubernetes", vault_role="r")
    for environment, mount in ((app_role, "approle"), (jwt, "ci"), (kubernetes, "kubernetes")):
        async with open_vault(environment, MemoryClock(), max_stale_s=1, refresh_s=1) as vault:
            assert vault._login.mount == mount
    with pytest.raises(EnvironmentInvalid, match="EXTPROC_VAULT_ROLE "):
        async with open_vault(replace(kubernetes, vault_role=None), MemoryClock(), max_stale_s=1, refresh_s=1):
            pass
