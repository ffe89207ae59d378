"""The one place where a no becomes a reply; its words are the client's dialect's: see ``dialects.surface``."""

from extproc.dialects.surfaces import SURFACES
from extproc.exchange.events import Reply
from extproc.model.refusals import DEPENDENCY_UNAVAILABLE, Refusal, Unavailable

JSON_TYPE = ("content-type", "application/json")


def reply_of(refusal: Refusal, surface: str = "openai", exchange: str = "") -> Reply:
    """The reply that says this refusal to a client of this surface."""
    kind, speaks = refusal.kind, SURFACES[surface]
    body = speaks.error_body(kind, refusal.message, refusal.param, exchange)
    return Reply(kind.status, (JSON_TYPE, *speaks.headers(exchange), *refusal.headers), body, kind.code)


def refusal_of(trouble: Unavailable) -> Refusal:
    """What a caller may know of a dependency's outage: that it is one, and when to come again."""
    return Refusal(
        DEPENDENCY_UNAVAILABLE,
        f"The gateway cannot decide right now: {trouble.dependency} is unavailable.",
        headers=(("retry-after", "1"),),
    )
