"""What a door is told (events) and what it answers (actions), stripped of any transport.

``admission`` and ``delivery`` take events and give actions; ``wire`` translates both ways. Header names are lower case.
"""

from dataclasses import dataclass

from extproc.model.exchange import DeliveryRecord, ExchangeContext
from extproc.model.plan import Headers, Plan
from extproc.model.sealed import NOTHING_SEALED, Sealed


class OutOfOrder(Exception):  # noqa: N818 - reads as a claim
    """An event that this phase cannot take: the transport is broken, fail closed."""


# -- events -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A client request's headers, pseudo-headers included."""

    headers: Headers
    is_end: bool
    """Whether there is no body."""
    protocol: str
    """``HTTP/1.1``, ``HTTP/2``."""


@dataclass(frozen=True, slots=True)
class RequestBody:
    """The whole body: Envoy buffers it."""

    data: bytes


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """One attempt's response headers."""

    status: int
    headers: Headers
    is_end: bool


@dataclass(frozen=True, slots=True)
class ResponseChunk:
    """Some bytes of one attempt's response body, split anywhere."""

    data: bytes
    is_last: bool


@dataclass(frozen=True, slots=True)
class ResponseTrailers:
    """The response ended with trailers instead of a last chunk."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TimedOut:
    """Nothing came within the time the door had asked for."""


AdmissionEvent = RequestHead | RequestBody
DeliveryEvent = ResponseHead | ResponseChunk | ResponseTrailers | TimedOut

# -- actions ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to say yet: send the next event."""


@dataclass(frozen=True, slots=True)
class Go:
    """Admission: send the request on, along this plan."""

    plan: Plan
    context: ExchangeContext
    set_headers: Headers
    remove_headers: tuple[str, ...]
    body: bytes
    sealed: Sealed = NOTHING_SEALED
    """What only delivery may know of it; the context says whether there are any."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The gateway answers itself; nothing more of this attempt or request reaches the client."""

    status: int
    headers: Headers
    body: bytes
    reason: str
    """A stable code for records; never text of the caller's or the provider's."""


@dataclass(frozen=True, slots=True)
class Replay:
    """Admission: the gateway answers itself with what it remembers. Only ``exchange.replay`` makes one."""

    reply: Reply
    record: DeliveryRecord
    """For the journal: what delivery saw of it."""


@dataclass(frozen=True, slots=True)
class ReleaseHead:
    """Delivery: let the response headers go, changed like this. The status stays where it is None."""

    status: int | None
    set_headers: Headers
    remove_headers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Send:
    """Delivery: these judged bytes may go to the client."""

    data: bytes
    is_last: bool


@dataclass(frozen=True, slots=True)
class PassTrailers:
    """Delivery: the response is complete; drop these trailers."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Break:
    """Delivery: cut the response so that the client sees it broken and the provider stops."""

    reason: str


AdmissionAction = Wait | Go | Reply | Replay
DeliveryAction = ReleaseHead | Send | PassTrailers | Reply | Break
