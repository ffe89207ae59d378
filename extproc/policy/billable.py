"""Whether a provider may bill an attempt whose answer nobody saw.

    nothing was sent           no connection, none allowed, no address        free
    it refused                 a 4xx or 5xx of its own                        free
    it was cut, or too slow    reset, timeout, a client that left             may be billed
    it answered                and the answer was lost, or unreadable         may be billed

Of what nobody knows it is assumed that it may be. Read next: ``closing`` for what is charged then.
"""

from extproc.model.exchange import ExchangeRecord, Outcome

_MAYBE_BILLED = frozenset({"UT", "UC", "UR", "UPE", "SI", "DT", "UMSDR"})
"""Envoy response flags of an attempt that reached its provider. Source: Envoy 1.40, "Response flags"."""
_UNSENT = frozenset({"UF", "UO", "DF", "UH", "NC", "NR"})
"""Of one that did not: connection failure, overflow, no name, nobody healthy, no cluster, no route."""

_FIRST_ERROR = 400
_FIRST_SERVER_ERROR = 500
_GATEWAY_TIMEOUT = 504
_GAVE_UP = frozenset({408, _GATEWAY_TIMEOUT, 524})
"""Of a proxy in front of a model, which may have worked all the while."""


def is_unsent(flags: str) -> bool:
    """Whether Envoy's flags say that nothing of an attempt was sent."""
    return bool(_UNSENT.intersection(flags.split(",")))


def is_refusal(status: int) -> bool:
    """Whether a provider's own status says that it did nothing."""
    return status >= _FIRST_ERROR and status not in _GAVE_UP


def is_free(record: ExchangeRecord) -> bool:
    """Whether Envoy's word alone makes certain that nobody bills the last attempt.

    A 5xx does not: it is a provider's, or what a client is told of an answer that could not be read.
    """
    return is_unsent(record.flags) or (is_refusal(record.status) and record.status < _FIRST_SERVER_ERROR)


def may_be_billed(record: ExchangeRecord) -> bool:
    """Whether Envoy's word alone says that the last attempt reached its provider and was not refused."""
    # A status of success was a provider's: a worker or a connection broke after it had begun to answer.
    if record.outcome in {Outcome.ANSWERED, Outcome.ABANDONED} or 0 < record.status < _FIRST_ERROR:
        return True
    return bool(_MAYBE_BILLED.intersection(record.flags.split(","))) or record.status == _GATEWAY_TIMEOUT
