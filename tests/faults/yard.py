"""One gateway before a scripted provider for each deployment: every dialect, as first, as second, in every pair.

A deployment's name stands in its host's port, its path, its model, its options and its credential, so that nothing of
one can arrive at another unseen. A request says in its text what each provider in the chain shall do: ``[12 429
answer]`` is request 12, whose first deployment is out of quota and whose second answers.

    first     takes its time: whatever fails over from here does so because of what the provider did
    slow      has short limits, for a silence that only a limit can end
    refused   nobody listens at its port
    second    answers for it; third: one more, of Bedrock
    mute      says nothing at all, before late: until a response begins, all attempts of a request have one limit, the
              longest of theirs, so that both have a short one
"""

import itertools
import re
import socket
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.provider import Provider, Request, Script, Turn
from tests.e2e.rig import Rig, make_rig
from tests.e2e.rig_values import CANARIES, canary
from tests.faults.speech import DIALECTS, PLAYS, SPEECHES, Play

SLOW_LIMIT_S = 0.6
_MUTE_LIMIT_S = 2.0
_PATIENT = {"connect_s": 5.0, "first_token_s": 60.0, "total_s": 60.0, "idle_s": 60.0}
_HASTY = {"connect_s": 5.0, "first_token_s": SLOW_LIMIT_S, "total_s": SLOW_LIMIT_S, "idle_s": SLOW_LIMIT_S}
_SHORT = {"connect_s": 5.0, "first_token_s": _MUTE_LIMIT_S, "total_s": _MUTE_LIMIT_S, "idle_s": _MUTE_LIMIT_S}
_TIMEOUTS = {"slow": _HASTY, "mute": _SHORT, "late": _SHORT}
_SECOND = {"first": "second", "slow": "second", "refused": "second", "mute": "late"}
"""Which kind of deployment stands behind each kind of first one."""
ROLES: Mapping[str, int] = {"first": 0, "slow": 0, "refused": 0, "mute": 0, "second": 1, "late": 1, "third": 2}
"""Each role's place in a chain: which of the text's words is for it."""
TAG = re.compile(r"\[(\d+)((?: [a-z0-9-]+)*)\]")
CHAIN = ("first-openai-x", "second-anthropic-x", "third-bedrock-x")

_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "azure": {"api_version": "2024-10-21"},
    "bedrock": {"region": "eu-west-1"},
    "vertex": {"project": "project-{name}", "location": "europe-west4"},
    "vertex-anthropic": {"project": "project-{name}", "location": "europe-west4"},
}
_BASES: Mapping[str, str] = {"azure": "", "bedrock": ""}


def deployment_name(role: str, dialect: str) -> str:
    # Without its last letter one name would be a part of another.
    return f"{role}-{dialect}-x"


def second_of(role: str, dialect: str) -> str:
    """The deployment of a dialect that stands behind a first one of this kind."""
    return deployment_name(_SECOND[role], dialect)


@dataclass(slots=True)
class Yard:
    """The gateway, and who stands behind it."""

    providers: Mapping[str, Provider]
    """By deployment; those that refuse have none."""
    ports: Mapping[str, int]
    """By deployment."""
    dialects: Mapping[str, str]
    """By deployment."""
    gates: Mapping[int, threading.Event]
    """By request: what a provider waits for that goes on only when the client has heard its first words."""
    left: set[int] = field(default_factory=set)
    """The requests that the gateway gave up while the provider was silent."""
    plays: dict[str, Play] = field(default_factory=dict)
    """What a request's text can ask for beside ``PLAYS``."""
    _rig: Rig | None = None
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def rig(self) -> Rig:
        assert self._rig is not None
        return self._rig

    def next_id(self) -> int:
        return next(self._ids)

    def all_sent(self) -> dict[int, dict[str, Request]]:
        """What each deployment got of each request; none of them twice."""
        found: dict[int, dict[str, Request]] = defaultdict(dict)
        for name, provider in self.providers.items():
            for request in list(provider.requests):
                number = number_of(request.body)
                assert number is not None, f"{name} got what nobody asked for: {request.line}"
                assert name not in found[number], f"{name} was asked {number} twice"
                found[number][name] = request
        return found

    def sent(self, number: int) -> dict[str, Request]:
        """What each deployment got of one request."""
        return self.all_sent()[number]


def text_of(number: int, *plays: str) -> str:
    return f"Say hello [{' '.join((str(number), *plays))}]"


def number_of(body: bytes) -> int | None:
    """Which request this is the body of."""
    found = TAG.search(body.decode())
    return int(found[1]) if found else None


def chat_of(model: str, text: str, *, is_stream: bool = False) -> dict[str, Any]:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]
    request = {"model": model, "messages": messages, "max_tokens": 64, "temperature": 0.5, "stop": ["END"]}
    return {**request, "stream": True} if is_stream else request


def pair(role: str, first: str, second: str) -> str:
    """The model of two deployments, by the first's role and both dialects."""
    return f"alias/{role}/{first}/{second}"


def alone(dialect: str) -> str:
    """The model of a dialect's second deployment only."""
    return f"alias/alone/{dialect}"


def open_yard(**plays: Play) -> Iterator[Yard]:
    """A yard of its own; ends with the generator."""
    names = [deployment_name(role, each) for role in ROLES if role not in {"refused", "third"} for each in DIALECTS] + [
        CHAIN[2]
    ]
    providers = {name: Provider().start() for name in names}
    silent = {deployment_name("refused", each): socket.socket() for each in DIALECTS}
    for each in silent.values():
        each.bind(("127.0.0.1", 0))  # and never listens: nobody else gets the port
    ports = {name: provider.port for name, provider in providers.items()}
    ports |= {name: each.getsockname()[1] for name, each in silent.items()}
    dialects = {name: name.partition("-")[2].removesuffix("-x") for name in ports}
    yard = Yard(providers, ports, dialects, defaultdict(threading.Event), plays=plays)
    for name, provider in providers.items():
        provider.scripts["answer"] = _player(yard, name)
    try:
        for rig in make_rig(_gateway(yard)):
            yard._rig = rig
            yield yard
    finally:
        for provider in providers.values():
            provider.stop()
        for each in silent.values():
            each.close()


def _player(yard: Yard, name: str) -> Script:
    place, speech = ROLES[name.partition("-")[0]], SPEECHES[yard.dialects[name]]

    async def play(turn: Turn) -> None:
        tag = TAG.search(turn.request.body.decode())
        words = tag[2].split() if tag else []
        which = words[place] if place < len(words) else "answer"
        await {**PLAYS, **yard.plays}[which](turn, speech)

    return play


def _gateway(yard: Yard) -> dict[str, Any]:
    pairs = [(role, a, b) for role in _SECOND for a in DIALECTS for b in DIALECTS]
    chains = {pair(*each): [deployment_name(each[0], each[1]), second_of(each[0], each[2])] for each in pairs}
    chains |= {alone(each): [deployment_name("second", each)] for each in DIALECTS}
    chains |= {"alias/chain": list(CHAIN), "alias/chain-end": [CHAIN[2]]}
    return {
        "limits": {"max_body_bytes": 16 * 1024 * 1024, "request_timeout_s": 60.0, "admission_timeout_s": 20.0},
        "deployments": [_deployment(yard, name) for name in yard.ports],
        "groups": [{"name": "alias-group", "members": [{"deployment": deployment_name("first", "openai")}]}],
        "models": [
            *({"name": model, "deployments": names} for model, names in chains.items()),
            {"name": "alias/group", "group": "alias-group"},
        ],
    }


def _deployment(yard: Yard, name: str) -> dict[str, Any]:
    dialect = yard.dialects[name]
    return {
        "name": name,
        "dialect": dialect,
        "base_url": f"http://127.0.0.1:{yard.ports[name]}/{name}{_BASES.get(dialect, '/v1')}",
        "options": {key: value.format(name=name) for key, value in _OPTIONS.get(dialect, {}).items()},
        "upstream_model": f"gemini-2.5-{name}" if dialect == "vertex" else f"model-{name}",
        "credential": {"path": CANARIES + name},
        "timeouts": dict(_TIMEOUTS.get(name.partition("-")[0], _PATIENT)),
    }


def credential_of(name: str, dialect: str) -> str:
    """What a deployment proves itself with, as far as it may be sent."""
    return canary(name, "access_key_id" if dialect == "bedrock" else "api_key")
