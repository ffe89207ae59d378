"""A small world for exchange tests: one key, two models, everything in memory."""

import json
import secrets
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TypeVar

from extproc.adapters.memory import MemoryClock, MemoryHealth, MemoryKeys, MemoryVault
from extproc.dialects.surface import Asked
from extproc.dialects.surfaces import SURFACES
from extproc.exchange.admission import AdmissionDesk
from extproc.exchange.events import RequestBody, RequestHead
from extproc.exchange.voice import Voice
from extproc.model.catalog import Catalog, CredentialRef, Deployment, Model, Operation, Timeouts
from extproc.model.identity import VirtualKey
from extproc.model.ids import DeploymentName, GroupName, KeyId, ModelName, OrganisationId, ProjectId, TeamId
from extproc.model.routing import Member, RoutingGroup, Strategy
from extproc.model.secret import Secret
from extproc.model.token import digest_token, mint_token

Result = TypeVar("Result")
PEPPER = Secret("pepper")
REF = CredentialRef("providers/openai", "api_key")
MAIN = Deployment(
    name=DeploymentName("main"),
    dialect="openai",
    scheme="https",
    host="api.example",
    port=443,
    base_path="/v1",
    upstream_model="gpt-x-2026",
    operations=frozenset({Operation.CHAT, Operation.EMBEDDINGS}),
    credential=REF,
    timeouts=Timeouts(1, 20, 30, 40),
    max_connections=10,
    ca_file=None,
)
SPARE = replace(MAIN, name=DeploymentName("spare"), credential=None, host="10.0.0.7", scheme="http", port=8000)
ONE, TWO = ModelName("one"), ModelName("two")
CATALOG = Catalog(
    version="v1",
    models=MappingProxyType(
        {
            ONE: Model(ONE, GroupName("one"), "acme", 1_700_000_000),
            TWO: Model(TWO, GroupName("two"), "acme", 1_700_000_000),
        }
    ),
    groups=MappingProxyType(
        {
            GroupName("one"): RoutingGroup(GroupName("one"), Strategy.PRIORITY, (Member(MAIN.name),)),
            GroupName("two"): RoutingGroup(
                GroupName("two"), Strategy.PRIORITY, (Member(MAIN.name), Member(SPARE.name))
            ),
        }
    ),
    deployments=MappingProxyType({MAIN.name: MAIN, SPARE.name: SPARE}),
)


@dataclass(slots=True)
class World:
    """Everything admission asks, and a key that works."""

    clock: MemoryClock = field(default_factory=MemoryClock)
    keys: MemoryKeys = field(default_factory=MemoryKeys)
    vault: MemoryVault = field(default_factory=lambda: MemoryVault({REF: Secret("sk-provider")}))
    health: MemoryHealth = field(default_factory=MemoryHealth)
    catalog: Catalog = CATALOG
    token: Secret = field(default_factory=lambda: mint_token(OrganisationId("acme"), secrets.randbelow))

    def __post_init__(self) -> None:
        self.put()

    def put(self, **changes: object) -> None:
        """(Re)place the key, changed like this."""
        key = VirtualKey(
            id=KeyId("key_1"),
            organisation=OrganisationId("acme"),
            team=TeamId("cards"),
            project=ProjectId("chatbot"),
            environment="prod",
            owner="a@acme.example",
            allowed_models=None,
            tags=(),
            created_at_s=0.0,
            expires_at_s=None,
            revoked_at_s=None,
            hint="gk_acme_…abcd",
        )
        self.keys.put(replace(key, **changes), digest_token(self.token, PEPPER))  # type: ignore[arg-type]

    @property
    def desk(self) -> AdmissionDesk:
        return AdmissionDesk(
            catalog=lambda: self.catalog,
            directory=self.keys,
            vault=self.vault,
            clock=self.clock,
            health=self.health,
            pepper=lambda: PEPPER,
        )

    def head(self, path: str = "/v1/chat/completions", method: str = "POST", **options: object) -> RequestHead:
        """A request head with the working key; ``headers`` are added, ``protocol`` and ``is_end`` replaced."""
        headers = {
            ":method": method,
            ":path": path,
            ":authority": "gateway",
            "content-type": "application/json",
            "authorization": f"Bearer {self.token.reveal()}",
            "x-request-id": "req-1",
            **options.get("headers", {}),  # type: ignore[dict-item]
        }
        pairs = tuple((name, value) for name, value in headers.items() if value is not None)
        return RequestHead(
            pairs, bool(options.get("is_end", method == "GET")), str(options.get("protocol", "HTTP/1.1"))
        )


def chat(**fields: object) -> RequestBody:
    """A chat request's body."""
    body = {"model": "one", "messages": [{"role": "user", "content": "hi"}], **fields}
    return RequestBody(json.dumps(body).encode())


def voice(*, wants_usage: bool = False, surface: str = "openai", model: str = "one") -> Voice:
    """How a client of this surface is spoken to."""
    return Voice(SURFACES[surface], Asked("req-1", model, wants_usage))


def at_once(step: Coroutine[object, None, Result]) -> Result:
    """What a step gives that has nothing to wait for, as where nothing is judged."""
    try:
        step.send(None)
    except StopIteration as end:
        result: Result = end.value
        return result
    step.close()
    raise AssertionError("it waits for something")
