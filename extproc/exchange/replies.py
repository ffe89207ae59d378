"""The one place where a no becomes bytes. Source of the shape: OpenAI API reference, "Error codes"."""

import json

from extproc.exchange.events import Reply
from extproc.model.refusals import DEPENDENCY_UNAVAILABLE, Kind, Refusal, Unavailable

JSON_TYPE = ("content-type", "application/json")


def error_body(kind: Kind, message: str = "", param: str | None = None) -> bytes:
    """``{"error": {message, type, param, code}}``."""
    error = {"message": message or kind.message, "type": kind.type, "param": param, "code": kind.code}
    return json.dumps({"error": error}, ensure_ascii=False, separators=(",", ":")).encode()


def reply_of(refusal: Refusal) -> Reply:
    """The reply that says this refusal."""
    kind = refusal.kind
    return Reply(
        kind.status, (JSON_TYPE, *refusal.headers), error_body(kind, refusal.message, refusal.param), kind.code
    )


def refusal_of(trouble: Unavailable) -> Refusal:
    """What a caller may know of a dependency's outage: that it is one, and when to come again."""
    return Refusal(
        DEPENDENCY_UNAVAILABLE,
        f"The gateway cannot decide right now: {trouble.dependency} is unavailable.",
        headers=(("retry-after", "1"),),
    )


def error_event(kind: Kind) -> bytes:
    """A server-sent event that carries an error into a stream that has begun."""
    return b"data: " + error_body(kind) + b"\n\n"
