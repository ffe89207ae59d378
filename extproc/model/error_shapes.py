"""A no in the shape that a client dialect's SDK knows: the one place for doors and for Envoy's own replies.

Sources: OpenAI API reference, "Error codes"; Claude API reference, "Errors", and the anthropic SDK 2.12's error types,
read 2026-11. The code of the refusal is in both: in Anthropic's shape as ``error.code``, which its SDK leaves alone.
"""

from typing import Any

from extproc.model.refusals import Kind


def openai_error(kind: Kind, message: str = "", param: str | None = None) -> dict[str, Any]:
    """``{"error": {message, type, param, code}}``."""
    return {"error": {"message": message or kind.message, "type": kind.type, "param": param, "code": kind.code}}


def anthropic_error(kind: Kind, message: str = "", param: str | None = None, request_id: str = "") -> dict[str, Any]:
    """``{"type": "error", "error": {type, message, code}, "request_id"}``; ``error.param`` where there is one."""
    error = {"type": anthropic_type(kind), "message": message or kind.message, "code": kind.code}
    named = error if param is None else {**error, "param": param}
    return {"type": "error", "error": named, "request_id": request_id or None}


def anthropic_type(kind: Kind) -> str:
    """Anthropic's word for this kind of error."""
    by_status = {
        408: "timeout_error",
        413: "request_too_large",
        503: "overloaded_error",
        504: "timeout_error",
    }
    return by_status.get(kind.status) or ("api_error" if kind.type == "server_error" else kind.type)
