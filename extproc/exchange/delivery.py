"""The second door: one attempt's response, held until it can be judged and released only as judged.

    START ──head──> HELD ──first piece of answer──> FLOWING ──[DONE], end──> DONE
                     |  ──whole plain body────────────────────────────────> DONE
                     |  ──bad, late, an error───> failed: next attempt, or a reply of ours
                                      FLOWING ──bad, late, cut──> error event, then Break

While the headers are held, a failure is still a failover: Envoy takes the next deployment of the plan. Afterwards it
can only be a visible break: the client gets an error event and a broken stream, never a silently short one. Only the
provider's end of stream makes a delivery complete. ``stream_body`` judges streams, ``plain_body`` everything else.
"""

from collections.abc import Iterable
from enum import Enum, auto
from typing import assert_never

from extproc.dialects.registry import DIALECTS
from extproc.exchange.events import (
    Break,
    DeliveryAction,
    DeliveryEvent,
    OutOfOrder,
    PassTrailers,
    ReleaseHead,
    Reply,
    ResponseChunk,
    ResponseHead,
    ResponseTrailers,
    Send,
    TimedOut,
)
from extproc.exchange.keeping import Keeper
from extproc.exchange.output_guard import OutputGuard
from extproc.exchange.plain_body import FailedAttempt, PlainBody
from extproc.exchange.provider_id import read_provider_id
from extproc.exchange.replies import JSON_TYPE
from extproc.exchange.stream_body import StreamBody
from extproc.exchange.voice import voice_of
from extproc.model.exchange import AttemptLimits, DeliveryRecord, ExchangeContext
from extproc.model.guard import Result
from extproc.model.ids import DeploymentName
from extproc.model.plan import Headers
from extproc.model.refusals import COMPLETION_BLOCKED, SCANNER_UNAVAILABLE, UPSTREAM_INVALID, UPSTREAM_TIMEOUT
from extproc.model.seams import (
    ATTEMPTS_HEADER,
    AUTO_HEADER,
    DEGRADED_HEADER,
    DEPLOYMENT_HEADER,
    MODEL_HEADER,
    RETRY_HEADER,
)

# What of a provider's response headers a client may see. The rest tells about the provider's hosts, accounts, cookies.
_KEPT = frozenset({":status", "content-type", "retry-after", "date"})


_MAX_WAIT_DIGITS = 6

HELD_S = 1.0
"""How long the head of a stream waits for text that is held; then it goes without. Envoy's own limit runs on."""


class Phase(Enum):
    """Where an attempt's response stands."""

    START = auto()
    HELD = auto()
    FLOWING = auto()
    DONE = auto()
    FAILED = auto()


class Delivery:
    """One attempt's delivery. Feed it events in order; an event gives any number of actions, in order."""

    __slots__ = (
        "_body",
        "_context",
        "_dialect",
        "_failure",
        "_guard",
        "_head",
        "_is_dropped",
        "_keeper",
        "_limits",
        "_max_bytes",
        "_number",
        "_phase",
        "_received",
        "_released",
        "_voice",
    )

    def __init__(
        self,
        context: ExchangeContext,
        deployment: DeploymentName,
        attempt_number: int,
        max_response_bytes: int,
        guard: OutputGuard | None = None,
        keeper: Keeper | None = None,
    ) -> None:
        """``keeper`` hears what may be remembered; None: nothing is to be."""
        self._context = context
        self._guard = guard
        self._keeper = keeper
        self._limits = _limits(context, deployment)
        self._number = attempt_number
        self._max_bytes = max_response_bytes
        self._phase = Phase.START
        self._head: ResponseHead | None = None
        self._dialect = DIALECTS[self._limits.dialect]
        self._voice = voice_of(context)
        self._body: StreamBody | PlainBody = PlainBody(self._dialect, self._voice, 200, max_response_bytes)
        self._failure = ""
        self._is_dropped = False
        self._received = 0
        self._released = 0

    @property
    def is_done(self) -> bool:
        """Whether the response was answered to its end: only then may the stream end cleanly."""
        return self._phase is Phase.DONE

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be said: done, or failed and the stream is to be cut."""
        return self._phase in {Phase.DONE, Phase.FAILED}

    @property
    def patience_s(self) -> float:
        """How long the transport may wait before TimedOut: from the head while held, then from event to event."""
        if self._phase is Phase.FLOWING:
            return self._limits.idle_s
        return self._limits.first_token_s if self._context.is_stream else self._limits.total_s

    @property
    def is_held_back(self) -> bool:
        """Whether the provider has begun and all of it waits to be judged: the head then waits for HELD_S."""
        return self._phase is Phase.HELD and self._body.has_begun

    @property
    def has_sent(self) -> bool:
        """Whether anything of the body went: a head may go before."""
        return self._released > 0

    @property
    def is_flowing(self) -> bool:
        """Whether the headers were released: patience is then counted from event to event."""
        return self._phase is Phase.FLOWING

    @property
    def kept(self) -> bytes | None:
        """What may be remembered: the answer as its provider gave it, if nothing had to be changed in it."""
        if self._keeper is None or not self._body.is_answer or self._failure:
            return None
        verdicts = () if self._guard is None else self._guard.verdicts
        is_fit = all(each.result in {Result.CLEAN, Result.FLAGGED} for each in verdicts)
        return self._keeper.answer if is_fit else None

    @property
    def record(self) -> DeliveryRecord:
        """What was seen so far."""
        return DeliveryRecord(
            context=self._context,
            deployment=self._limits.deployment,
            usage=self._body.usage,
            is_complete=self._body.is_answer,
            received_bytes=self._received,
            judged_bytes=self._released,
            failure=self._failure,
            status=self._head.status if self._head else 0,
            retry_after_s=_seconds(self._header("retry-after")),
            usage_shrank=self._body.usage_shrank,
            answer_bytes=self._body.answer_bytes,
            provider_request_id=read_provider_id(self._head.headers if self._head else (), self._context.id),
            verdicts=() if self._guard is None or self._is_dropped else self._guard.verdicts,
        )

    async def handle(self, event: DeliveryEvent) -> list[DeliveryAction]:
        """The actions for this event, possibly none.

        Raises:
            OutOfOrder: the event does not belong here.
        """
        match event:
            case ResponseHead() if self._phase is Phase.START:
                return await self._on_head(event)
            case ResponseChunk(data, is_last) if self._phase in {Phase.HELD, Phase.FLOWING}:
                self._received += len(data)
                return await self._on_body(data, is_last=is_last)
            case ResponseTrailers(names) if self._phase in {Phase.HELD, Phase.FLOWING}:
                return await self._on_trailers(names)
            case TimedOut() if self.is_held_back:
                # The provider is in time; whoever asked need not wait for the judgement to know that it answers.
                self._phase = Phase.FLOWING
                return [self._release()]
            case TimedOut() if self._phase in {Phase.START, Phase.HELD, Phase.FLOWING}:
                return self._fail(FailedAttempt(UPSTREAM_TIMEOUT))
            case ResponseHead() | ResponseChunk() | ResponseTrailers() | TimedOut():
                raise OutOfOrder(f"{type(event).__name__} in {self._phase.name}")
            case _:
                assert_never(event)

    async def _on_head(self, head: ResponseHead) -> list[DeliveryAction]:
        self._head = head
        self._phase = Phase.HELD
        media = _media_type(head.headers)
        if head.status != 200:  # noqa: PLR2004 - HTTP's own word
            hides = self._limits.upstream_model
            self._body = PlainBody(self._dialect, self._voice, head.status, self._max_bytes, hides, self._guard)
        elif self._context.is_stream and media == self._dialect.stream_media:
            writer = self._voice.open_writer()
            self._body = StreamBody(
                self._dialect, writer, max_held_bytes=self._max_bytes, guard=self._guard, keeper=self._keeper
            )
        elif not self._context.is_stream and media == "application/json":
            self._body = PlainBody(
                self._dialect, self._voice, 200, self._max_bytes, guard=self._guard, keeper=self._keeper
            )
        else:
            return self._fail(FailedAttempt(UPSTREAM_INVALID))
        return await self._on_body(b"", is_last=True) if head.is_end else []

    async def _on_body(self, data: bytes, *, is_last: bool) -> list[DeliveryAction]:
        try:
            ready = await self._body.feed(data, is_last=is_last)
        except FailedAttempt as failed:
            return self._fail(failed)
        actions: list[DeliveryAction] = []
        if self._phase is Phase.HELD and (ready or is_last):
            actions.append(self._release())
            self._phase = Phase.FLOWING
        if self._phase is Phase.FLOWING and (ready or is_last):
            self._released += len(ready)
            actions.append(Send(ready, is_last=is_last))
        if is_last:
            self._phase = Phase.DONE
        return actions

    async def _on_trailers(self, names: tuple[str, ...]) -> list[DeliveryAction]:
        """Trailers end the response in place of a last chunk, and are all dropped."""
        actions: list[DeliveryAction] = [
            Send(action.data, is_last=False) if isinstance(action, Send) else action
            for action in await self._on_body(b"", is_last=True)
        ]
        return [*actions, PassTrailers(names)] if self._body.is_answer and not self._failure else actions

    def _release(self) -> ReleaseHead:
        # A stream is the client's dialect's by now, whatever the provider calls its own.
        media = (("content-type", "text/event-stream"),) if isinstance(self._body, StreamBody) else ()
        kept = _KEPT
        if self._guard is not None:
            # Nobody has judged what else a provider writes into its headers.
            media, kept = media or (JSON_TYPE,), frozenset({":status", "content-type"})
        return ReleaseHead(
            None,
            (*media, *self._voice.headers(), *self._context.answer_headers, *self._route_headers()),
            tuple(name for name in self._head_names() if name not in kept),
        )

    def _is_next_asked(self, failed: FailedAttempt) -> bool:
        if failed.is_final or self._number >= len(self._context.plan):
            return False
        if not failed.is_too_long or self._limits.context_tokens is None:
            return True
        # Envoy takes the deployments in their order, so the larger one may come after another that is not.
        behind = (each.context_tokens for each in self._context.plan[self._number :])
        return any(size is None or size > self._limits.context_tokens for size in behind)

    def _route_headers(self) -> Headers:
        """Which deployment answers, at the how manieth attempt, by what name its provider knows the model."""
        if not self._context.tells_route:
            return ()
        auto = ((AUTO_HEADER, self._context.auto),) if self._context.auto else ()
        without = self._limits.degraded
        degraded = ((DEGRADED_HEADER, ", ".join(without)),) if without else ()
        return (
            (DEPLOYMENT_HEADER, self._limits.deployment),
            (ATTEMPTS_HEADER, str(self._number)),
            (MODEL_HEADER, self._limits.upstream_model),
            *auto,
            *degraded,
        )

    def _header(self, name: str) -> str:
        return next((value for key, value in (self._head.headers if self._head else ()) if key == name), "")

    def _head_names(self) -> Iterable[str]:
        return dict.fromkeys(name for name, _ in self._head.headers) if self._head else ()

    def _fail(self, failed: FailedAttempt) -> list[DeliveryAction]:
        kind = failed.kind
        self._failure = kind.code
        if self._phase is Phase.FLOWING:
            # An event, then a break. Ending the stream ourselves would leave the provider generating, and billing.
            self._phase = Phase.FAILED
            event = self._voice.error_event(kind)
            self._released += len(event)
            return [Send(event, is_last=False), Break(kind.code)]
        # What was judged and given up with its attempt is no answer's.
        self._is_dropped = kind not in {COMPLETION_BLOCKED, SCANNER_UNAVAILABLE}
        status = failed.status or kind.status
        if self._is_next_asked(failed):
            # Only headers that pass the router make it take the next deployment; an immediate reply would not.
            self._phase = Phase.FAILED
            removed = tuple(name for name in self._head_names() if name not in {":status", "content-type"})
            # Where it has the provider's whole body already, Envoy takes up the head only when a body has ended too.
            # A client sees this body only if Envoy is out of retries.
            return [
                ReleaseHead(status, ((RETRY_HEADER, kind.code), JSON_TYPE), removed),
                Send(self._voice.error_body(kind), is_last=True),
            ]
        self._phase = Phase.DONE
        body = failed.body or self._voice.error_body(kind)
        wait = self._header("retry-after")
        kept = (("retry-after", wait),) if wait else ()
        return [
            Reply(
                status,
                (JSON_TYPE, *kept, *self._voice.headers(), *self._context.answer_headers, *self._route_headers()),
                body,
                kind.code,
            )
        ]


def _limits(context: ExchangeContext, deployment: DeploymentName) -> AttemptLimits:
    for limits in context.plan:
        if limits.deployment == deployment:
            return limits
    raise OutOfOrder("a response of a deployment that is not in the plan")


def _seconds(retry_after: str) -> float | None:
    """The header's number of seconds; its other form, a date, would need a clock and no provider sends it."""
    is_number = retry_after.isascii() and retry_after.isdigit() and len(retry_after) <= _MAX_WAIT_DIGITS
    return float(retry_after) if is_number else None


def _media_type(headers: Headers) -> str:
    return next((value for name, value in headers if name == "content-type"), "").partition(";")[0].strip().lower()
