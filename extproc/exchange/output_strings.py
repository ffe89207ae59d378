"""Every string of a canonical answer or chunk that a provider wrote, and to which text each one belongs.

    strings_of(value) → Spot(lane, text, where it stands)

A lane is what a client joins: a choice's content, the arguments of its second call, the tokens of its log
probabilities. Pieces of one lane come in many chunks. Everything else is a lane too, and so are keys that no dialect
has, numbers long enough to say something, and bytes written as numbers: what reaches the client is judged, whatever its
name. Only the words of the protocol itself are left out, and an embedding's numbers. Read next: ``output_lanes``.
"""

import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from extproc.model.guard import Place

KEY = "#key"


class Flow(Enum):
    """How the text of a lane comes."""

    RUNNING = auto()
    """Piece by piece; its end is held until it is clear what it becomes."""
    BESIDE = auto()
    """Likewise, and it repeats what another lane says: log probabilities."""
    AT_ONCE = auto()
    """Whole, and often the same in every chunk: ids, names."""
    UNKNOWN = auto()
    """Likewise, until it turns out to run."""


@dataclass(frozen=True, slots=True)
class Spot:
    """One string where it stands."""

    lane: Place
    text: str
    flow: Flow
    box: Any
    """The object or array that has it."""
    at: str | int
    """Its key or position there."""
    choice: int | None = None
    is_json: bool = False

    @property
    def is_key(self) -> bool:
        """Whether it is the key, not the value."""
        return self.lane[-1] == KEY

    def put(self, text: str) -> None:
        """Have this stand there instead."""
        if self.is_key:
            self.box[text] = self.box.pop(self.at)
        else:
            self.box[self.at] = text


_Inner = tuple[Any, Place, int | None]
"""An object or an array, the place of its texts, and its choice."""


def strings_of(value: object, *roots: str) -> Iterator[Spot]:
    """All of them; those of an object before those of what is in it. Runs for each chunk of each stream.

    Args:
        value: an answer, a chunk, or something that goes beside one.
        roots: what each lane's place begins with.
    """
    todo: list[_Inner] = [(value, roots, None)] if isinstance(value, dict) else []
    while todo:
        each, place, choice = todo.pop()
        below: list[_Inner] = []
        is_object = type(each) is dict
        if is_object and len(place) > 1 and place[-2] == "choices":
            index = each.get("index")
            choice = index if type(index) is int else None
        members: Iterable[tuple[Any, Any]] = each.items() if is_object else enumerate(each)
        for at, inner in members:
            if is_object and at not in _NAMES:
                yield Spot((*place, KEY), at, Flow.AT_ONCE, each, at, choice)
            kind = type(inner)
            if kind is str:
                if inner and (at, inner) not in _WORDS and not _is_embedding(inner, (*place, at)):
                    yield _spot(inner, each, at, (*place, at), choice)
            elif kind is dict:
                below.append((inner, (*place, at) if is_object else _placed(place, at, inner), choice))
            elif kind is list:
                yield from _in_list(inner, each, at, (*place, at), choice, below)
            elif _is_telling(inner, kind, at):
                yield Spot((*place, at), str(inner), Flow.AT_ONCE, each, at, choice)
        below.reverse()
        todo += below


def _is_telling(value: Any, kind: type, name: object) -> bool:
    """Whether it is a number that could name somebody."""
    return (kind is int or kind is float) and abs(value) >= _LEAST_NUMBER and name not in _TIMES


def _in_list(
    each: list[Any], box: Any, at: str | int, place: Place, choice: int | None, below: list[_Inner]
) -> Iterator[Spot]:
    kinds = set(map(type, each))
    if kinds == {float}:
        return
    if kinds == {int} and min(each) >= 0 and max(each) < 256:  # noqa: PLR2004 - a byte
        flow = Flow.BESIDE if "logprobs" in place else Flow.AT_ONCE
        # Nothing can be taken out of it but the whole.
        yield Spot(place, bytes(each).decode(errors="replace"), flow, box, at, choice)
    elif kinds:
        below.append((each, place, choice))


def _placed(place: Place, position: int, inner: object) -> Place:
    """A place that stays the same from chunk to chunk, however many pieces are in one."""
    name = place[-1] if place else ""
    if name in {"choices", "tool_calls"} and isinstance(inner, dict) and type(inner.get("index")) is int:
        return (*place, inner["index"])
    if "logprobs" in place and name in {"content", "refusal"}:
        return place
    return (*place, position)


def _spot(text: str, box: Any, at: str | int, place: Place, choice: int | None) -> Spot:
    name = place[-1]
    if "logprobs" in place:
        flow = Flow.BESIDE
    elif name in _RUNNING and choice is not None and len(place) > 3 and place[2] in {"delta", "message"}:  # noqa: PLR2004
        flow = Flow.RUNNING
    else:
        flow = Flow.AT_ONCE if name in _NAMES else Flow.UNKNOWN
    return Spot(place, text, flow, box, at, choice, is_json=name == "arguments")


def _is_embedding(text: str, place: Place) -> bool:
    """Whether it is an embedding's numbers as base64, which are no text."""
    if place[-1] != "embedding" or place[0] != "data" or len(text) % 4:
        return False
    try:
        return len(binascii.a2b_base64(text, strict_mode=True)) % 4 == 0
    except ValueError:
        return False


_RUNNING = frozenset({"content", "refusal", "reasoning", "reasoning_content", "arguments", "transcript", "data"})
PAYLOADS = frozenset({"data", "signature", "thought_signature", "redacted_thinking", "encrypted_content"})
"""What holds sound, or what only the provider can read. It is looked through all the same."""
_LEAST_NUMBER = 10**8
"""Of nine digits and more; below that a number names nobody."""
_TIMES = frozenset({"created", "created_at", "expires_at", "logprob"})

_WORDS = frozenset(
    {
        *(("object", word) for word in ("chat.completion", "chat.completion.chunk", "list", "embedding")),
        ("role", "assistant"),
        *(("type", word) for word in ("function", "text", "thinking", "call", "redacted_thinking")),
        *(("finish_reason", word) for word in ("stop", "length", "tool_calls", "content_filter", "function_call")),
        *(("stop_reason", word) for word in ("end_turn", "max_tokens", "tool_use", "stop_sequence", "refusal")),
        *(("service_tier", word) for word in ("default", "auto", "flex", "priority")),
    }
)
"""The protocol's own, by where they stand."""
_NAMES = frozenset(
    re.split(
        r"\s+",
        "id object created model choices index delta message finish_reason logprobs usage system_fingerprint"
        " service_tier role content refusal reasoning reasoning_content tool_calls function_call function name"
        " arguments type audio transcript data expires_at annotations token bytes logprob top_logprobs"
        " prompt_tokens completion_tokens total_tokens prompt_tokens_details completion_tokens_details"
        " cached_tokens cache_write_tokens cache_write_1h_tokens audio_tokens text_tokens image_tokens"
        " reasoning_tokens accepted_prediction_tokens rejected_prediction_tokens input_tokens output_tokens"
        " embedding extra_content google thought_signature signature redacted_thinking stop stop_reason"
        " stop_sequence stop_details explanation layout chars created_at url title text start_index end_index"
        " native_finish_reason matched_stop prompt_token_ids token_ids stop_token",
    )
)
