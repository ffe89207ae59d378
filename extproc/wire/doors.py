"""The doors admission and delivery as gRPC streams.

One rule above all: a stream may end cleanly only when what was sent on it completes it. Envoy takes a clean early end
as "nothing to change" and passes the rest, or silently cuts it; an aborted stream is an error and fails closed. So
``Line`` looks at every message that goes out, and every way out of a door before the completing one aborts: an early
return, an exception, a deadline. No door has to remember it.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import grpc
import structlog

from extproc.exchange.admission import Admission, AdmissionDesk
from extproc.exchange.delivery import HELD_S, Delivery
from extproc.exchange.events import Break, DeliveryEvent, Replay, TimedOut
from extproc.exchange.keeping import Keeper
from extproc.exchange.output_guard import open_output_guard
from extproc.exchange.remembering import remember
from extproc.model.sealed import NOTHING_SEALED, Sealed
from extproc.model.seams import DOOR_ADMISSION, DOOR_DELIVERY, DOOR_KEY
from extproc.model.secret import Secret
from extproc.policy.money_ports import Holds
from extproc.policy.ports import Clock, Journal
from extproc.wire.decode import AttemptSeat, decode_admission, decode_delivery, decode_seat
from extproc.wire.encode import encode_admission, encode_delivery
from extproc.wire.gen.gateway.v1 import ext_proc_pb2 as pb
from extproc.wire.seal import unseal

Context = Any
"""``grpc.aio.ServicerContext``; grpcio ships no types."""


_LET_GO_S = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how much a door takes; seconds and bytes."""

    decide_s: float = 1.5
    """Admission, for all it asks of others. Below Envoy's message_timeout, so that the answer is ours."""
    body_s: float = 120.0
    """Admission, from the head to the whole body. Above Envoy's request_timeout, which answers 408."""
    head_s: float = 600.0
    """Delivery, from the opening of the stream to the response headers. Envoy opens it with the headers at hand."""
    max_response_bytes: int = 32 * 1024 * 1024


class Doors:
    """The ext_proc servicer. Stateless between streams: any worker can serve any of them."""

    def __init__(
        self,
        desk: AdmissionDesk,
        journal: Journal,
        new_incident: Callable[[], str],
        limits: Limits | None = None,
        holds: Holds | None = None,
    ) -> None:
        """``new_incident`` names a failure in the log, so that it can be found again."""
        self._holds = holds
        self._desk = desk
        self._journal = journal
        self._new_incident = new_incident
        self._limits = limits or Limits()
        self._log = structlog.get_logger("extproc.wire")
        self._is_draining = False

    def drain(self) -> None:
        """From now on a stream that completes is held open until Envoy has let go of it.

        The server closes each connection after its last stream. A Unix socket closed while the other side's bytes lie
        unread reports a reset, and what we sent last is lost with it.
        """
        self._is_draining = True

    async def process(self, _: object, context: Context) -> None:
        """One ``ExternalProcessor.Process`` stream."""
        door = dict(context.invocation_metadata()).get(DOOR_KEY)
        line = Line(context)
        try:
            if door == DOOR_ADMISSION:
                await self._admit(line)
            elif door == DOOR_DELIVERY:
                await self._deliver(line)
        except Exception as error:  # noqa: BLE001 - the servicer wrapper: whatever it was, fail closed and log it once
            # The type alone: a message may quote what was being read.
            incident = self._new_incident()
            self._log.error("door_failed", door=door, incident=incident, error=type(error).__name__, at=_where(error))
        if not line.is_complete:
            await context.abort(grpc.StatusCode.INTERNAL, "no decision")
        elif self._is_draining:
            await line.await_end(_LET_GO_S)

    async def _admit(self, line: "Line") -> None:
        admission = Admission(self._desk)
        patience_s = self._limits.decide_s
        while not admission.is_done:
            async with asyncio.timeout(patience_s):
                message = await line.read()
            if message is None:
                # The client left, or Envoy replied by itself (413, 408): nothing was decided, nothing is owed.
                return
            async with asyncio.timeout(self._limits.decide_s):
                action = await admission.handle(decode_admission(message))
                if isinstance(action, Replay):
                    await self._replay(line, action)
                else:
                    await line.write(encode_admission(action, self._desk.pepper))
            patience_s = self._limits.body_s

    async def _replay(self, line: "Line", action: Replay) -> None:
        try:
            await line.write(encode_admission(action, self._desk.pepper))
        finally:
            # No await here: this also runs when the stream was cancelled.
            self._journal.delivered(action.record)

    async def _deliver(self, line: "Line") -> None:
        async with asyncio.timeout(self._limits.head_s):
            first = await line.read()
        if first is None:
            return
        seat = decode_seat(first)
        sealed = _sealed(seat, self._desk.pepper)
        guard = open_output_guard(self._desk.guard, seat.context, sealed.guard)
        cache = self._desk.cache if sealed.ticket is not None else None
        delivery = Delivery(
            seat.context,
            seat.deployment,
            seat.number,
            self._limits.max_response_bytes,
            guard,
            None if cache is None else Keeper(),
        )
        holds = self._holds if seat.context.hold is not None else None
        if holds is not None:
            holds.begin(seat.context.organisation, seat.context.id)
        watch = _Watch(self._desk.clock, seat.context.started_at_s if seat.number == 1 else None)
        try:
            await self._pump(line, delivery, decode_delivery(first), watch)
        finally:
            # No await here: this also runs when the stream was cancelled.
            if holds is not None:
                holds.end(seat.context.id)
            self._journal.delivered(replace(delivery.record, first_token_s=watch.first_token_s))
            if cache is not None and sealed.ticket is not None:
                remember(delivery, sealed.ticket, cache)

    async def _pump(self, line: "Line", delivery: Delivery, event: DeliveryEvent, watch: "_Watch") -> None:
        reading = _Reading(line)
        try:
            await self._follow(line, delivery, event, watch, reading)
        finally:
            reading.leave()

    async def _follow(
        self, line: "Line", delivery: Delivery, event: DeliveryEvent, watch: "_Watch", reading: "_Reading"
    ) -> None:
        loop = asyncio.get_running_loop()
        deadline, is_held_back = loop.time() + delivery.patience_s, False
        while True:
            for action in await delivery.handle(event):
                if isinstance(action, Break):
                    return
                async with asyncio.timeout(delivery.patience_s):
                    await line.write(encode_delivery(action))
            if delivery.is_over:
                if not delivery.is_done:
                    # Envoy drops this attempt for the next one; aborting now would be an error of the whole request.
                    await reading.await_end(delivery.patience_s)
                return
            if delivery.is_flowing:
                watch.note_released(has_text=delivery.has_sent)
                deadline = loop.time() + delivery.patience_s
            elif delivery.is_held_back and not is_held_back:
                deadline, is_held_back = min(deadline, loop.time() + HELD_S), True
            if not await reading.waits(deadline - loop.time()):
                event = TimedOut()
                continue
            message = await reading.take()
            if message is None:
                return
            event = decode_delivery(message)


def _sealed(seat: AttemptSeat, pepper: Callable[[], Secret]) -> Sealed:
    """What only delivery may know of the request.

    Raises:
        SealBroken: it did not come, or is not what admission sealed.
        Unavailable: the pepper is not at hand.
    """
    if not seat.context.has_sealed:
        return NOTHING_SEALED
    return unseal(seat.sealed, seat.context.id, pepper())


class _Reading:
    """The next message of a line, awaited with a limit that leaves it to be awaited again.

    A read that is cancelled ends the whole stream for grpc.aio, so there is one until it has come.
    """

    __slots__ = ("_line", "_next")

    def __init__(self, line: "Line") -> None:
        self._line = line
        self._next: asyncio.Task[pb.ProcessingRequest | None] | None = None

    async def waits(self, limit_s: float) -> bool:
        """Whether it is there within this time."""
        if self._next is None:
            self._next = asyncio.ensure_future(self._line.read())
        done, _ = await asyncio.wait({self._next}, timeout=max(0.0, limit_s))
        return bool(done)

    async def take(self) -> pb.ProcessingRequest | None:
        """The message, once ``waits`` has said so; None at the end of what Envoy sends."""
        reading, self._next = self._next or asyncio.ensure_future(self._line.read()), None
        return await reading

    async def await_end(self, limit_s: float) -> None:
        """Wait until Envoy has let go of the stream, or no longer than this."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit_s
        while await self.waits(deadline - loop.time()):
            if await self.take() is None:
                return

    def leave(self) -> None:
        """Nobody takes the next one: it ends with the stream, and whatever that is is nobody's concern."""
        if self._next is not None:
            self._next.add_done_callback(_forget)


def _forget(reading: "asyncio.Task[pb.ProcessingRequest | None]") -> None:
    if not reading.cancelled():
        reading.exception()


class _Watch:
    """Time to the first token of a first attempt. A later one's beginning is Envoy's secret."""

    __slots__ = ("_clock", "_started_at_s", "first_token_s")

    def __init__(self, clock: Clock, started_at_s: float | None) -> None:
        self._clock = clock
        self._started_at_s = started_at_s
        self.first_token_s: float | None = None

    def note_released(self, *, has_text: bool) -> None:
        """Something was released just now; the head of an answer may go before its text."""
        if has_text and self.first_token_s is None and self._started_at_s is not None:
            self.first_token_s = max(0.0, self._clock.now_s() - self._started_at_s)


class Line:
    """One gRPC stream, and whether what was sent on it completes it."""

    __slots__ = ("_context", "is_complete")

    def __init__(self, context: Context) -> None:
        self._context = context
        self.is_complete = False

    async def read(self) -> pb.ProcessingRequest | None:
        """The next message, or None at the end of what Envoy sends."""
        message = await self._context.read()
        return None if message is grpc.aio.EOF else message

    async def write(self, message: pb.ProcessingResponse) -> None:
        """Send a message."""
        await self._context.write(message)
        self.is_complete = _completes(message)

    async def await_end(self, limit_s: float) -> None:
        """Wait until Envoy has let go of the stream, or no longer than this."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while await self.read() is not None:
                    pass


def _completes(message: pb.ProcessingResponse) -> bool:
    """Whether Envoy expects nothing more: a reply of ours, a decided request, or the response's end."""
    match message.WhichOneof("response"):
        case "immediate_response" | "request_body" | "response_trailers":
            return True
        case "response_body":
            return message.response_body.response.body_mutation.streamed_response.end_of_stream
        case _:
            return False


def _where(error: BaseException) -> str:
    """The innermost frame: file and line say enough to start looking, and quote nothing."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else ""
