"""A world that remembers: the real admission, delivery and writer over a cache in memory, without Envoy."""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from extproc.adapters.cache_writer import CacheWriter, Compared
from extproc.adapters.memory import MemoryClock
from extproc.adapters.memory_cache import MemoryCache
from extproc.adapters.memory_guard import MemoryRuleRunner
from extproc.exchange.admission import Admission, AdmissionDesk
from extproc.exchange.delivery import Delivery
from extproc.exchange.events import (
    AdmissionAction,
    Go,
    ReleaseHead,
    Replay,
    Reply,
    ResponseChunk,
    ResponseHead,
    Send,
    Wait,
)
from extproc.exchange.keeping import Keeper
from extproc.exchange.output_guard import open_output_guard
from extproc.exchange.remembering import Lookup, RememberDesk, remember
from extproc.model.cache import CachePolicy, Vector
from extproc.model.guard_policy import GuardPolicies
from extproc.model.plan import Headers
from extproc.model.refusals import Unavailable
from extproc.model.tenancy import PerTenant
from extproc.policy.guard import GuardDesk
from extproc.policy.recall import RecallDesk
from tests.unit.exchange.worlds import World, chat

SEMANTIC = CachePolicy(version="v1", is_exact=True, is_semantic=True)
EXACT = CachePolicy(version="v1", is_exact=True)
_DIMENSIONS = 32


@dataclass
class LetterEmbedder:
    """Texts of the same letters, in any order, mean the same to it."""

    name: str = "letters"
    dimensions: int = _DIMENSIONS
    threshold: float = 0.99
    is_down: bool = False
    asked: int = 0

    async def embed(self, text: str) -> Vector:
        self.asked += 1
        if self.is_down:
            raise Unavailable("embedder")
        counts = [0.0] * _DIMENSIONS
        for letter in text:
            counts[ord(letter) % _DIMENSIONS] += 1.0
        length = sum(each * each for each in counts) ** 0.5 or 1.0
        return struct.pack(f"<{_DIMENSIONS}f", *(each / length for each in counts))


@dataclass(slots=True)
class Asked:
    """What became of one request."""

    action: AdmissionAction
    headers: Headers
    status: int
    body: bytes
    record: Any = None

    @property
    def cache(self) -> str:
        return dict(self.headers).get("x-gateway-cache", "")

    @property
    def text(self) -> str:
        if not self.body.startswith(b"{"):
            lines = self.body.decode().splitlines()
            chunks = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
            return "".join(each["choices"][0]["delta"].get("content") or "" for each in chunks if each["choices"])
        value = json.loads(self.body)
        text: str = value["choices"][0]["message"]["content"] if "choices" in value else value["error"]["code"]
        return text


@dataclass(slots=True)
class Remembering:
    """The world, what it remembers, and what it is told of lookups and bugs."""

    policy: CachePolicy = EXACT
    world: World = field(default_factory=World)
    guard: GuardDesk | None = None
    embedder: LetterEmbedder = field(default_factory=LetterEmbedder)
    clock: MemoryClock = field(default_factory=MemoryClock)
    lookups: list[Lookup] = field(default_factory=list)
    bugs: list[Exception] = field(default_factory=list)
    compared: list[Compared] = field(default_factory=list)
    differs: Any = lambda *_: None
    patience_s: float = 5.0
    spending: Any = None
    memory: Any = None
    writer: CacheWriter = None  # type: ignore[assignment]  # made below
    asked: int = 0
    before: Any = None
    """Awaited before a provider answers."""

    def __post_init__(self) -> None:
        self.world.clock = self.clock
        self.memory = MemoryCache(self.clock)

        async def learn(found: Compared) -> None:
            self.compared.append(found)

        self.writer = CacheWriter(lambda: self.recalling, self.clock, learn)

    @property
    def recalling(self) -> RecallDesk:
        return RecallDesk(self.memory, self.embedder, self.differs)

    @property
    def cache(self) -> RememberDesk:
        return RememberDesk(
            lambda: PerTenant(self.policy),
            lambda: self.recalling,
            self.writer,
            self.patience_s,
            1_000_000,
            self.lookups.append,
            self.bugs.append,
        )

    @property
    def desk(self) -> AdmissionDesk:
        return replace(self.world.desk, cache=self.cache, guard=self.guard, spending=self.spending)

    async def ask(
        self,
        text: str = "hi",
        *,
        answer: Mapping[str, Any] | str = "Hello.",
        headers: Mapping[str, str] | None = None,
        surface: str = "openai",
        status: int = 200,
        **fields: object,
    ) -> Asked:
        """Ask, let a provider answer what is not remembered, and remember it."""
        self.asked += 1
        messages = fields.pop("messages", [{"role": "user", "content": text}])
        path = "/v1/messages" if surface == "anthropic" else "/v1/chat/completions"
        head = self.world.head(path, headers={"x-request-id": f"req-{self.asked}", **(headers or {})})
        admission = Admission(self.desk)
        action = await admission.handle(head)
        if isinstance(action, Wait):
            action = await admission.handle(chat(messages=messages, **fields))
        match action:
            case Replay(reply, record):
                return Asked(action, reply.headers, reply.status, reply.body, record)
            case Reply():
                return Asked(action, action.headers, action.status, action.body)
            case Go():
                return await self.deliver(action, answer, status)
            case _:
                raise AssertionError(action)

    async def deliver(self, go: Go, answer: Mapping[str, Any] | str, status: int = 200) -> Asked:
        """What delivery makes of the provider's answer."""
        if self.before is not None:
            await self.before(go)
        guard = open_output_guard(self.guard, go.context, go.sealed.guard)
        keeper = None if go.sealed.ticket is None else Keeper()
        delivery = Delivery(go.context, go.plan.attempts[0].deployment, 1, 1_000_000, guard, keeper)
        is_stream = go.context.is_stream
        media = "text/event-stream" if is_stream and status == 200 else "application/json"
        head = ResponseHead(status, ((":status", str(status)), ("content-type", media)), is_end=False)
        body = streamed(answer) if is_stream and status == 200 else plain(answer)
        actions = await delivery.handle(head) + await delivery.handle(ResponseChunk(body, is_last=True))
        if go.sealed.ticket is not None:
            remember(delivery, go.sealed.ticket, self.cache)
        await self.writer.flush(5.0)
        heads: Headers = ()
        said = b""
        for each in actions:
            match each:
                case ReleaseHead(_, set_headers, _):
                    heads = set_headers
                case Send(data, _):
                    said += data
                case Reply():
                    return Asked(go, each.headers, each.status, each.body, delivery.record)
                case _:
                    pass
        return Asked(go, heads, 200, said, delivery.record)


def desk_of(policies: GuardPolicies) -> GuardDesk:
    """A firewall with these policies."""
    return GuardDesk(lambda: policies, MemoryRuleRunner(), dict)


def plain(answer: Mapping[str, Any] | str) -> bytes:
    """A provider's whole answer."""
    choice = {"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}
    whole = choice if isinstance(answer, str) else {**choice, **answer}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    value = {"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-x", "choices": [whole]}
    return json.dumps({**value, "usage": usage}).encode()


def streamed(answer: Mapping[str, Any] | str) -> bytes:
    """The same as a stream."""
    given = answer if isinstance(answer, Mapping) else {"message": {"content": answer}}
    delta = given.get("message", {"content": "Hello."})
    frame = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-x"}
    reason = given.get("finish_reason", "stop")
    events: list[Any] = [{**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}]
    if reason is not None:
        events.append({**frame, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    events.append({**frame, "choices": [], "usage": usage})
    return b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in events) + b"data: [DONE]\n\n"
