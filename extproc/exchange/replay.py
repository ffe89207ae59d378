"""Gives a remembered answer as if a provider were giving it now: the same delivery, with nobody behind it.

    Recalled ──canonical JSON or SSE──> Delivery (guard as it is now, surface, headers) ──> Replay

What a provider would have sent is played to a ``Delivery`` of the pseudo-deployment ``cache``: so the answer is judged
by the policy in force, said in the client's dialect, recorded with its verdicts, and settled, all as any other. A
stream's text comes in events of a few words, all of them in one reply: Envoy 1.40 takes a streamed immediate response
in answer to a buffered body for a spurious message, and answers 503.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from extproc.exchange.delivery import Delivery
from extproc.exchange.events import ReleaseHead, Replay, Reply, ResponseChunk, ResponseHead, Send
from extproc.exchange.output_guard import OutputGuard, open_output_guard
from extproc.exchange.remembering import Looked, RememberDesk
from extproc.exchange.replies import JSON_TYPE
from extproc.exchange.spending import Held
from extproc.model.cache import Recalled
from extproc.model.exchange import AttemptLimits, CachedAnswer, ExchangeContext
from extproc.model.guard import GuardSecrets
from extproc.model.ids import DeploymentName
from extproc.model.plan import Headers
from extproc.model.refusals import Unavailable
from extproc.model.seams import CACHE_AGE_HEADER, CACHE_HEADER, CACHE_SIMILARITY_HEADER
from extproc.policy.guard import GuardDesk

CACHE_DEPLOYMENT = DeploymentName("cache")
"""Where records name a deployment."""

_PATIENCE_S = 60.0
"""Nobody is waited for: all of the answer is there."""
_PIECES = re.compile(r"\S+(?:\s+\S+){0,3}\s*|\s+")
"""A few words: text without blanks is one piece."""
_TEXTS = ("reasoning_content", "reasoning", "content")
"""In the order in which a model says them."""


class Unplayable(Exception):  # noqa: N818 - reads as a claim
    """The entry holds no answer that can be given; whoever looked for one has a miss."""


def cached_of(hit: Recalled) -> CachedAnswer:
    """What records say of a hit."""
    entry = hit.entry
    return CachedAnswer(hit.tier, hit.similarity, hit.age_s, entry.micro_usd, entry.exchange)


def hit_headers(hit: Recalled) -> Headers:
    """What the answer says of where it comes from."""
    return (
        (CACHE_HEADER, "hit"),
        (CACHE_SIMILARITY_HEADER, f"{min(hit.similarity, 1.0):.4f}"),
        (CACHE_AGE_HEADER, str(int(hit.age_s))),
    )


def cache_plan(hit: Recalled) -> tuple[AttemptLimits, ...]:
    """The plan of an exchange that a remembered answer ends."""
    return (
        AttemptLimits(
            CACHE_DEPLOYMENT, "openai", _PATIENCE_S, _PATIENCE_S, _PATIENCE_S, upstream_model=hit.entry.model
        ),
    )


async def given(
    looked: Looked, context: ExchangeContext, guards: GuardDesk | None, secrets: GuardSecrets, desk: RememberDesk
) -> Replay | None:
    """The hit as the client gets it; None: it cannot be given, which is a miss. Never raises."""
    hit = looked.hit
    if hit is None:
        return None
    context = replace(context, plan=cache_plan(hit), cached=cached_of(hit), answer_headers=hit_headers(hit))
    try:
        guard = open_output_guard(guards, context, secrets)
        return await replay(hit, context, guard, desk.max_response_bytes)
    except (Unplayable, Unavailable):
        return None
    except Exception as error:  # noqa: BLE001 - nothing about the cache can fail a request: a bug in it is a miss
        desk.failed(error)
        return None


def with_held(replayed: Replay, held: Held) -> Replay:
    """The same, counted against the limits on requests."""
    context = replace(
        replayed.record.context, hold=held.hold, answer_headers=(*held.headers, *replayed.record.context.answer_headers)
    )
    reply = replace(replayed.reply, headers=(*replayed.reply.headers, *held.headers))
    return replace(replayed, reply=reply, record=replace(replayed.record, context=context))


async def replay(hit: Recalled, context: ExchangeContext, guard: OutputGuard | None, max_bytes: int) -> Replay:
    """The remembered answer as the client gets it, or the no of the policy in force.

    Args:
        hit: what was found.
        context: with ``cache_plan`` for its plan.
        guard: of this exchange, by the policy as it is now.
        max_bytes: as for any answer.

    Raises:
        Unplayable: the entry holds no answer of ours.
    """
    answer = _renewed(hit.entry.answer, context)
    delivery = Delivery(context, CACHE_DEPLOYMENT, 1, max_bytes, guard)
    media = "text/event-stream" if context.is_stream else "application/json"
    body = b"".join(_events(answer)) if context.is_stream else _json(answer)
    actions = await delivery.handle(ResponseHead(200, ((":status", "200"), ("content-type", media)), is_end=False))
    actions += await delivery.handle(ResponseChunk(body, is_last=True))
    record = delivery.record
    match actions:
        case [ReleaseHead(_, headers, _), Send(data, _)]:
            if not any(name == "content-type" for name, _ in headers):
                headers = (JSON_TYPE, *headers)
            return Replay(Reply(200, headers, data, "cached"), record)
        case [Reply() as no] if record.verdicts:
            return Replay(no, record)
        case _:
            raise Unplayable


def _renewed(data: bytes, context: ExchangeContext) -> dict[str, Any]:
    """The answer with this exchange's id and time."""
    try:
        answer = json.loads(data)
        message = answer["choices"][0]["message"]
        is_ours = answer["object"] == "chat.completion" and isinstance(message["content"], str)
    except (ValueError, LookupError, TypeError):
        raise Unplayable from None
    if not is_ours or len(answer["choices"]) != 1:
        raise Unplayable
    return {**answer, "id": f"chatcmpl-{context.id}", "created": int(context.started_at_s)}


def _events(answer: dict[str, Any]) -> Iterator[bytes]:
    """What a provider would stream."""
    frame = {**answer, "object": "chat.completion.chunk"}
    usage = frame.pop("usage", None)
    message = dict(answer["choices"][0]["message"])
    if message.get("reasoning") == message.get("reasoning_content"):
        # Whoever hears the one is told it by both names, as of any server that knows the one alone.
        message.pop("reasoning_content", None)
    yield _event(frame, {"role": "assistant", "content": ""}, None)
    for name in _TEXTS:
        for piece in _PIECES.findall(message.get(name) or ""):
            yield _event(frame, {name: piece}, None)
    yield _event(frame, {}, "stop")
    if usage is not None:
        yield _sse({**frame, "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def _event(frame: dict[str, Any], delta: dict[str, str], finish: str | None) -> bytes:
    return _sse({**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def _sse(value: dict[str, Any]) -> bytes:
    return b"data: " + _json(value) + b"\n\n"


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
