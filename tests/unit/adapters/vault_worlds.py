"""A vault of credentials on a clock that the test moves, in front of a scripted Vault and its clouds."""

from dataclasses import dataclass

from extproc.adapters.memory import MemoryClock
from extproc.adapters.vault import VaultCredentials
from extproc.model.catalog import CredentialRef
from extproc.model.credentials import ACCESS_TOKEN, Engine, EntraMint, GoogleMint
from tests.scripted_vault import ScriptedVault, TokenEndpoints

STS = "aws/sts/bedrock"
KEY_ID = CredentialRef(STS, "access_key_id", Engine.LEASE)
SECRET = CredentialRef(STS, "secret_access_key", Engine.LEASE)
SESSION = CredentialRef(STS, "session_token", Engine.LEASE, is_optional=True)
AWS = (KEY_ID, SECRET, SESSION)
KV = CredentialRef("providers/openai", "api_key")
RENEW = "PUT /v1/sys/leases/renew"
ISSUE = f"GET /v1/{STS}"
LOGIN = "POST /v1/auth/approle/login"
MAX_STALE_S = 86_400.0


@dataclass
class World:
    clock: MemoryClock
    vault: ScriptedVault
    endpoints: TokenEndpoints
    held: VaultCredentials

    def google(self, path: str = "providers/vertex", engine: Engine = Engine.KV) -> CredentialRef:
        mint = GoogleMint(self.endpoints.google_url, "https://www.googleapis.com/auth/cloud-platform")
        return CredentialRef(path, ACCESS_TOKEN, engine, mint)

    def entra(self, path: str = "azure/creds/openai", engine: Engine = Engine.LEASE) -> CredentialRef:
        mint = EntraMint(self.endpoints.entra_url, "https://cognitiveservices.azure.com/.default")
        return CredentialRef(path, ACCESS_TOKEN, engine, mint)

    def get(self, ref: CredentialRef) -> str:
        return self.held.credential(ref).reveal()

    async def later(self, by_s: float) -> None:
        self.clock.advance(by_s)
        await self.held.tend()
