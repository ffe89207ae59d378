"""An error of the OpenAI dialect, in OpenAI's form or in one that its imitators use.

    {"error": {message, type, param, code}}      OpenAI, Azure, llama.cpp, vLLM
    {"object": "error", message, …}              vLLM before 0.10
    {"error": "…", "error_type": "…"}            TGI
    {"detail": "…"}, {"detail": [{loc, msg}]}    FastAPI, which stands before many

Source: OpenAI API reference, "Error codes"; the servers' recorded errors in tests/golden/mistakes; read 2026-11. Read
next: ``mistakes``, which judges what was read.
"""

from extproc.dialects.dialect import text_or_none
from extproc.dialects.mistakes import Mistake, judge
from extproc.dialects.provider_json import read_object


def read_openai_mistake(body: bytes) -> Mistake:
    """What an error says, whatever its form; nothing where it has none of them."""
    answer = read_object(body) or {}
    error, detail = answer.get("error"), answer.get("detail")
    if isinstance(error, str):
        return judge(error, None, text_or_none(answer, "error_type"))
    if isinstance(error, dict):
        codes = [text_or_none(error, "code"), text_or_none(error, "type")]
        codes.append(text_or_none(error.get("innererror"), "code"))
        return judge(text_or_none(error, "message"), text_or_none(error, "param"), *codes)
    if isinstance(detail, list):
        words = [text for each in detail if (text := text_or_none(each, "msg")) is not None]
        return judge("; ".join(words) or None, None)
    message = text_or_none(answer, "message") or text_or_none(answer, "detail")
    return judge(message, text_or_none(answer, "param"), text_or_none(answer, "type"))
