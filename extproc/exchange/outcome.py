"""How an exchange ended, from what Envoy's access log says of it. Source: Envoy 1.40, "Response flags"."""

from extproc.model.exchange import ExchangeContext, Outcome

_CLIENT_GONE = frozenset({"DC", "DR"})
"""Downstream connection termination, downstream remote reset."""

_FIRST_ERROR = 400
_FIRST_SERVER_ERROR = 500


def read_outcome(status: int, flags: str, details: str, context: ExchangeContext | None) -> Outcome:
    """The outcome of a finished request.

    Args:
        status: what the client was sent; 0 where nothing was.
        flags: Envoy's response flags, comma-separated; ``-`` or empty for none.
        details: Envoy's response code details.
        context: None where admission let nothing through.
    """
    raised = {flag for flag in flags.split(",") if flag not in {"", "-"}}
    if raised & _CLIENT_GONE or details.startswith("downstream_"):
        return Outcome.ABANDONED
    if status == 0 or status >= _FIRST_SERVER_ERROR:
        return Outcome.FAILED
    if status >= _FIRST_ERROR:
        # A refusal of ours happens before anything is planned; after that a 4xx is a provider's.
        return Outcome.REFUSED if context is None else Outcome.FAILED
    return Outcome.FAILED if raised or details.startswith("ext_proc_error") else Outcome.ANSWERED
