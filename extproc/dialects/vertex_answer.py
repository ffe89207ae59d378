"""A ``GenerateContentResponse`` → a canonical chat completion, and the pieces that ``vertex_stream`` reads it by.

    finishReason                                                       finish_reason
    STOP                                                               stop, or tool_calls where there are any
    MAX_TOKENS, CONTINUATION                                           length
    SAFETY, RECITATION, LANGUAGE, BLOCKLIST, PROHIBITED_CONTENT,       content_filter
      SPII, MODEL_ARMOR, ESCALATION, IMAGE_SAFETY, …
    every other: MALFORMED_FUNCTION_CALL, UNEXPECTED_TOOL_CALL, OTHER  the provider failed: another may do better
    none                                                               the answer is not whole: unreadable

A blocked prompt (``promptFeedback.blockReason``) is an answer with a refusal. Text parts that are thoughts are
``reasoning_content``. A call without an id of its own gets one made from the answer's, its place and what it calls, so
that reading twice gives the same. ``extra_content.google.thought_signature`` must come back with the call. Left out,
having no place in the canonical form: safety ratings, citations, grounding, signatures of text.

Source: ``GenerateContentResponse``, ``Candidate``, ``FinishReason``, ``GenerateContentResponseUsageMetadata``,
``LogprobsResult`` of google-genai 3.4; OpenAI API reference, "The chat completion object"; read 2026-11.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from extproc.dialects.dialect import ProviderFailed, Unreadable
from extproc.dialects.provider_json import write_json

_LENGTH = frozenset({"MAX_TOKENS", "CONTINUATION"})
_FILTERED = frozenset({"SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"}) | {
    *("MODEL_ARMOR", "ESCALATION", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION")
}
_UNSET = frozenset({"", "FINISH_REASON_UNSPECIFIED"})
_COUNTS = (
    *("promptTokenCount", "toolUsePromptTokenCount", "candidatesTokenCount", "thoughtsTokenCount"),
    *("cachedContentTokenCount", "totalTokenCount"),
)


@dataclass(frozen=True, slots=True)
class Head:
    """What every part of one answer repeats."""

    id: str
    created: int
    model: str


@dataclass(slots=True)
class Piece:
    """What one event says for one candidate."""

    text: str = ""
    thoughts: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)


def read_head(response: dict[str, Any]) -> Head:
    """The id, the time and the model of an answer, by its first event."""
    name = response.get("responseId")
    if not isinstance(name, str) or not name:
        name = hashlib.sha256(write_json(response)).hexdigest()[:24]
    model = response.get("modelVersion")
    return Head(name, _created(response.get("createTime")), model if isinstance(model, str) else "")


def read_answer(response: dict[str, Any]) -> dict[str, Any]:
    """The whole canonical answer.

    Raises:
        Unreadable, ProviderFailed
    """
    head = read_head(response)
    choices = [_choice(candidate, index, head) for index, candidate in read_candidates(response)]
    if not choices:
        refusal = read_block(response)
        if refusal is None:
            raise Unreadable
        message = {"role": "assistant", "content": None, "refusal": refusal}
        choices = [{"index": 0, "message": message, "logprobs": None, "finish_reason": "content_filter"}]
    answer: dict[str, Any] = {"id": head.id, "object": "chat.completion", "created": head.created, "model": head.model}
    answer["choices"] = choices
    usage = read_usage(response)
    if usage is not None:
        answer["usage"] = usage
    return answer


def read_candidates(response: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """The candidates by index.

    Raises:
        Unreadable: they are not objects with an index each of their own.
    """
    candidates = response.get("candidates") or []
    if not isinstance(candidates, list) or not all(isinstance(each, dict) for each in candidates):
        raise Unreadable
    # Protobuf leaves a zero out of its JSON.
    result = [(each.get("index", 0), each) for each in candidates]
    indexes = [index for index, _ in result]
    if not all(type(index) is int and index >= 0 for index in indexes) or len(set(indexes)) != len(indexes):
        raise Unreadable
    return sorted(result, key=lambda each: each[0])


def read_block(response: dict[str, Any]) -> str | None:
    """Why the prompt was blocked, as a refusal; None: it was not."""
    feedback = response.get("promptFeedback")
    reason = feedback.get("blockReason") if isinstance(feedback, dict) else None
    if not isinstance(reason, str) or not reason:
        return None
    # The name of a reason may be shown, not whatever else a provider writes there.
    return f"The provider blocked the prompt: {reason if reason.isidentifier() else 'OTHER'}."


def read_piece(candidate: dict[str, Any], index: int, head: Head, calls_before: int) -> Piece:
    """What a candidate's parts say.

    Raises:
        Unreadable: a part is not one that we asked for.
    """
    content = candidate.get("content") or {}
    parts = content.get("parts") if isinstance(content, dict) else None
    piece = Piece()
    for part in parts if isinstance(parts, list) else []:
        if not isinstance(part, dict):
            raise Unreadable
        text, call = part.get("text"), part.get("functionCall")
        if isinstance(call, dict):
            piece.calls.append(_call(call, part, f"{head.id}/{index}/{calls_before + len(piece.calls)}"))
        elif isinstance(text, str):
            if part.get("thought"):
                piece.thoughts += text
            else:
                piece.text += text
        elif part.keys() - {"thought", "thoughtSignature"}:
            raise Unreadable
    return piece


def read_finish(candidate: dict[str, Any], *, has_calls: bool) -> str | None:
    """The canonical finish reason; None: the candidate is not finished.

    Raises:
        ProviderFailed: it ended without an answer.
    """
    reason = candidate.get("finishReason")
    if not isinstance(reason, str) or reason in _UNSET:
        return None
    if reason == "STOP":
        return "tool_calls" if has_calls else "stop"
    if reason in _LENGTH:
        return "length"
    if reason in _FILTERED:
        return "content_filter"
    raise ProviderFailed


def read_logprobs(candidate: dict[str, Any]) -> dict[str, Any] | None:
    """The log probabilities of a candidate's tokens; None where there are none.

    Raises:
        Unreadable: a token has none.
    """
    found = candidate.get("logprobsResult")
    if not isinstance(found, dict) or not (chosen := found.get("chosenCandidates")):
        return None
    try:
        tops = found.get("topCandidates") or [{}] * len(chosen)
        content = [
            {**_token(token), "top_logprobs": [_token(each) for each in top.get("candidates", [])]}
            for token, top in zip(chosen, tops, strict=True)
        ]
    except (TypeError, KeyError, ValueError, AttributeError):
        raise Unreadable from None
    return {"content": content, "refusal": None}


def read_usage(response: dict[str, Any]) -> dict[str, Any] | None:
    """The canonical usage; None while the provider has not counted the prompt.

    Thoughts and what tools gave are counted where OpenAI counts them: with the completion, with the prompt.
    """
    usage = response.get("usageMetadata")
    if not isinstance(usage, dict) or "promptTokenCount" not in usage:
        return None
    counts = [usage.get(name, 0) for name in _COUNTS]
    if not all(type(count) is int and count >= 0 for count in counts):
        return None
    prompt, results, made, thoughts, cached, total = counts
    result: dict[str, Any] = {
        "prompt_tokens": prompt + results,
        "completion_tokens": made + thoughts,
        "total_tokens": total or prompt + results + made + thoughts,
    }
    if "cachedContentTokenCount" in usage:
        result["prompt_tokens_details"] = {"cached_tokens": cached}
    if "thoughtsTokenCount" in usage:
        result["completion_tokens_details"] = {"reasoning_tokens": thoughts}
    return result


def _choice(candidate: dict[str, Any], index: int, head: Head) -> dict[str, Any]:
    piece = read_piece(candidate, index, head, 0)
    finish = read_finish(candidate, has_calls=bool(piece.calls))
    if finish is None:
        raise Unreadable
    has_text = bool(piece.text) or not piece.calls
    message: dict[str, Any] = {"role": "assistant", "content": piece.text if has_text else None, "refusal": None}
    if piece.thoughts:
        message["reasoning_content"] = piece.thoughts
    if piece.calls:
        message["tool_calls"] = piece.calls
    return {"index": index, "message": message, "logprobs": read_logprobs(candidate), "finish_reason": finish}


def _call(call: dict[str, Any], part: dict[str, Any], place: str) -> dict[str, Any]:
    name, args, own = call.get("name"), call.get("args", {}), call.get("id")
    # Arguments in pieces come only to who asks for them.
    if not isinstance(name, str) or not isinstance(args, dict) or call.get("willContinue"):
        raise Unreadable
    arguments = write_json(args).decode()
    made = hashlib.sha256(f"{place}/{name}/{arguments}".encode()).hexdigest()[:24]
    result: dict[str, Any] = {
        "id": own if isinstance(own, str) and own else f"call_{made}",
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }
    signature = part.get("thoughtSignature")
    if isinstance(signature, str):
        result["extra_content"] = {"google": {"thought_signature": signature}}
    return result


def _token(token: dict[str, Any]) -> dict[str, Any]:
    # Gemini gives the text alone: the bytes of a token that is a part of a character cannot be had from it.
    text, logprob = token["token"], token.get("logProbability", 0.0)
    if not isinstance(text, str) or not isinstance(logprob, int | float):
        raise Unreadable
    return {"token": text, "logprob": logprob, "bytes": None}


def _created(text: object) -> int:
    try:
        return int(datetime.fromisoformat(text).timestamp()) if isinstance(text, str) else 0
    except ValueError:
        return 0
