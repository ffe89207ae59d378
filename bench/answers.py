"""What the client asks and what the upstream answers: fixed bytes, so that every answer can be checked.

The upstream behaves as OpenAI's does with ``include_usage``: every event then has ``"usage":null`` and one more event
has the counts. The gateway asks for it always and takes it out again, so both sides must hear the same bytes.
"""

import json

PLAIN = "plain"
STREAMED = "streamed"
EVENTS = 20

_WORDS = ("The", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog", "and", "then", "sleeps", "again")
_CHUNK = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "bench-1"}
_MESSAGES = [
    {"role": "system", "content": "You are a helpful assistant. " * 10},
    {"role": "user", "content": "Tell me about foxes. " * 20},
]


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _events(*, has_usage: bool) -> tuple[bytes, ...]:
    extra = {"usage": None} if has_usage else {}
    deltas = [
        {"role": "assistant", "content": ""},
        *({"content": f" {_WORDS[i % len(_WORDS)]}"} for i in range(EVENTS - 2)),
        {},
    ]
    events = [
        {
            **_CHUNK,
            "choices": [{"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}],
            **extra,
        }
        for delta in deltas
    ]
    usage = {"prompt_tokens": 130, "completion_tokens": 18, "total_tokens": 148}
    last = [{**_CHUNK, "choices": [], "usage": usage}] if has_usage else []
    return (*(b"data: " + _compact(event) + b"\n\n" for event in [*events, *last]), b"data: [DONE]\n\n")


def request_body(kind: str) -> bytes:
    """The client's body."""
    return _compact({"model": "bench", "messages": _MESSAGES, **({"stream": True} if kind == STREAMED else {})})


EVENTS_WITH_USAGE = _events(has_usage=True)
EVENTS_WITHOUT = _events(has_usage=False)
ANSWER = _compact(
    {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "bench-1",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": " ".join(_WORDS * 4)},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 130, "completion_tokens": 68, "total_tokens": 198},
    }
)
EXPECTED = {PLAIN: ANSWER, STREAMED: b"".join(EVENTS_WITHOUT)}
"""What a client must hear, through whatever it asked."""

BIG_ANSWER = _compact({"id": "big", "choices": [], "padding": "x" * 1_000_000})
BIG_MARK = b'"x_big"'
"""In a request's body: answer with ``BIG_ANSWER``. For readers that are slow on purpose."""
