"""The composition root's part about credentials: which there are, and the vault that the environment names.

``bootstrap`` has the rest; together they are the only files that name concrete adapters.
"""

import contextlib
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from extproc.adapters.vault import VaultCredentials
from extproc.adapters.vault_login import LoginIncomplete, VaultAccount, choose_login
from extproc.config.environment import Environment, EnvironmentInvalid
from extproc.config.gateway import Gateway
from extproc.model.catalog import CredentialRef
from extproc.model.dialects import credential_refs
from extproc.model.embedders import EndpointModel
from extproc.model.guard_scanners import credentials_of as scanner_credentials
from extproc.model.vault_state import VaultState
from extproc.policy.ports import Clock

PEPPER = CredentialRef("gateway/pepper", "value")
"""What the digests of virtual keys are keyed with."""


@dataclass(frozen=True, slots=True)
class _Now:
    """The real time."""

    def now_s(self) -> float:
        return time.time()


def credentials_of(gateway: Gateway) -> Iterable[CredentialRef]:
    """Everything that must be there before the gateway can serve."""
    deployments = gateway.catalog.deployments.values()
    scanners = (reference for each in gateway.scanners.values() for reference in scanner_credentials(each))
    settings = gateway.embedder
    embedder = (settings.credential,) if isinstance(settings, EndpointModel) and settings.credential else ()
    return (
        PEPPER,
        *(reference for deployment in deployments for reference in credential_refs(deployment)),
        *scanners,
        *embedder,
    )


@contextlib.asynccontextmanager
async def open_vault(
    environment: Environment, clock: Clock, *, max_stale_s: float, refresh_s: float
) -> AsyncIterator[VaultCredentials]:
    """The vault that the environment names.

    Raises:
        EnvironmentInvalid: it does not say how to log in.
    """
    try:
        login = choose_login(
            environment.vault_auth,
            mount=environment.vault_auth_mount,
            role_id_file=environment.vault_role_id_file,
            secret_id_file=environment.vault_secret_id_file,
            role=environment.vault_role,
            token_file=environment.vault_token_file,
        )
    except LoginIncomplete as incomplete:
        raise EnvironmentInvalid(str(incomplete)) from None
    account = VaultAccount(environment.vault_addr, environment.vault_mount, login, environment.vault_ca_file)
    vault = VaultCredentials(account, clock, max_stale_s=max_stale_s, refresh_s=refresh_s)
    try:
        yield vault
    finally:
        await vault.close()


async def check_vault(environment: Environment, gateway: Gateway) -> VaultState:
    """Log in, have every credential once, and give everything back; how that went.

    Raises:
        EnvironmentInvalid: it does not say how to log in.
    """
    policy = gateway.vault
    async with open_vault(environment, _Now(), max_stale_s=policy.max_stale_s, refresh_s=policy.refresh_s) as vault:
        try:
            return await vault.probe(credentials_of(gateway))
        finally:
            await vault.give_back()
