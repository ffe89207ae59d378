"""What follows a go: what each attempt would send, what Envoy is told, and what delivery would do with an answer.

Nothing is described that was not tried: the plan is the one admission made, and delivery's part is found out by
playing a short answer and a failure to a real ``Delivery``. Credentials are named, never shown.
"""

import json
from dataclasses import replace

from extproc.exchange.delivery import Delivery
from extproc.exchange.events import (
    DeliveryAction,
    Go,
    ReleaseHead,
    Reply,
    ResponseChunk,
    ResponseHead,
    Send,
)
from extproc.exchange.words import Facts, shown_names, size
from extproc.model.plan import Attempt
from extproc.model.seams import DEPLOYMENT_CLUSTER_PREFIX

Told = tuple[str, str, Facts]
"""Step, what happens, facts."""

_EVENT_STREAM = (("content-type", "text/event-stream"),)
_JSON = (("content-type", "application/json"),)
_ROLE = b'data: {"choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n'
_WORD = b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
_USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\n'
_DONE = b"data: [DONE]\n\n"


async def rehearse(go: Go, max_response_bytes: int) -> tuple[Told, ...]:
    """Everything after admission's go, in the order it would happen."""
    return (
        *(_attempt(go, attempt, number) for number, attempt in enumerate(go.plan.attempts, 1)),
        _envoy(go),
        await _answer(go, max_response_bytes),
        await _failure(go, max_response_bytes),
    )


def _attempt(go: Go, attempt: Attempt, number: int) -> Told:
    names = [name for name, _ in attempt.headers]
    credentials = [f"{credential.name} (hidden)" for credential in attempt.credentials]
    stream = (("first event within", f"{attempt.first_token_s:g} s"), ("silence at most", f"{attempt.idle_s:g} s"))
    whole = (("whole answer within", f"{attempt.total_s:g} s"),)
    facts = (
        ("sends", f"POST {attempt.path} to {attempt.authority}"),
        ("headers", ", ".join([*names, *credentials]) + ("" if credentials else "; no credential")),
        ("body", size(attempt.body) + _model(attempt) + _forced(attempt)),
        *(stream if go.context.is_stream else whole),
    )
    turn = "tried first" if number == 1 else f"tried when attempt {number - 1} failed before an answer"
    return f"attempt {number}", f"{attempt.deployment}: {turn}", facts


def _model(attempt: Attempt) -> str:
    model = json.loads(attempt.body).get("model")
    return f", model {model!r}" if model else ""


def _forced(attempt: Attempt) -> str:
    options = json.loads(attempt.body).get("stream_options")
    return ", stream_options.include_usage on" if isinstance(options, dict) and options.get("include_usage") else ""


def _envoy(go: Go) -> Told:
    order = " → ".join(DEPLOYMENT_CLUSTER_PREFIX + attempt.deployment for attempt in go.plan.attempts)
    facts = (
        ("clusters in order", order),
        *go.set_headers,
        ("removes", shown_names(go.remove_headers) or "nothing"),
    )
    return "envoy", "sends the body as admission wrote it, along this order", facts


async def _answer(go: Go, max_response_bytes: int) -> Told:
    delivery = _delivery(go, 1, max_response_bytes)
    held_s = delivery.patience_s
    facts: Facts = (("answer at most", f"{max_response_bytes:,} bytes"),)
    if not go.context.is_stream:
        await delivery.handle(ResponseHead(200, _JSON, is_end=False))
        return "delivery", f"holds the whole answer, up to {held_s:g} s, until it can be read to its end", facts
    await delivery.handle(ResponseHead(200, _EVENT_STREAM, is_end=False))
    is_held = not await delivery.handle(ResponseChunk(_ROLE, is_last=False))
    await delivery.handle(ResponseChunk(_WORD, is_last=False))
    idle_s = delivery.patience_s
    last = await delivery.handle(ResponseChunk(_USAGE, is_last=False))
    last += await delivery.handle(ResponseChunk(_DONE, is_last=True))
    is_hidden = b'"usage"' not in _sent(last)
    facts = (
        ("after that", f"cut when silent for {idle_s:g} s"),
        ("usage", "counted and hidden: the client did not ask for it" if is_hidden else "counted and passed on"),
        ("ends well", "only with the provider's own last event and its end: " + ("yes" if delivery.is_done else "no")),
        *facts,
    )
    until = "the first event that says something" if is_held else "the first event"
    return "delivery", f"holds the headers until {until}, up to {held_s:g} s", facts


async def _failure(go: Go, max_response_bytes: int) -> Told:
    facts = []
    for number, attempt in enumerate(go.plan.attempts, 1):
        actions = await _delivery(go, number, max_response_bytes).handle(ResponseHead(503, _JSON, is_end=True))
        facts.append((attempt.deployment, _outcome(actions)))
    return "on failure", "when a provider answers 503 before a first event", tuple(facts)


def _delivery(go: Go, number: int, max_response_bytes: int) -> Delivery:
    # Played in one dialect: what is told is what delivery does, whoever the provider is.
    spoken = tuple(replace(limits, dialect="openai") for limits in go.context.plan)
    context = replace(go.context, plan=spoken)
    return Delivery(context, go.plan.attempts[number - 1].deployment, number, max_response_bytes)


def _outcome(actions: list[DeliveryAction]) -> str:
    for action in actions:
        match action:
            case ReleaseHead():
                return "Envoy takes the next attempt"
            case Reply(status, _, _, reason):
                return f"the client gets {status} {reason}"
            case _:
                continue
    return "nothing yet"


def _sent(actions: list[DeliveryAction]) -> bytes:
    return b"".join(action.data for action in actions if isinstance(action, Send))
