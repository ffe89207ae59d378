"""One message's strings: what is said in it, with which tools, and what stands between markers.

    walk_message(walk, message, place, trust, markers)   adds its leaves; gives what it says, in order
    say(walk, text, place, trust, markers)               adds one text's

Read next: ``walking``.
"""

from collections.abc import Iterable, Mapping, Sequence

from extproc.guard.joining import Item
from extproc.guard.places import AT, step
from extproc.guard.walking import Walk, items_of
from extproc.model.guard import Leaf, Place, Trust
from extproc.model.guard_policy import ContextMarkers

SPOKEN = frozenset(("text", "refusal", "reasoning_content", "reasoning", "thinking", "transcript", "summary"))
"""Fields of messages and of parts that are somebody's own words."""
_LABELS = frozenset(("name", "tool_call_id", "id", "type", "role"))


def walk_message(
    walk: Walk, message: Mapping[str, object], place: Place, trust: Trust, markers: Sequence[ContextMarkers]
) -> list[Item]:
    """Add a message's leaves; what it says, in order."""
    said: list[Item] = []
    for name, value in message.items():
        here = (*place, step(name))
        walk.key(name, here, trust)
        if name == "content" or (name in SPOKEN and isinstance(value, str)):
            own = _content(walk, value, here, trust, markers)
            # Thoughts and refusals are shown apart: nobody reads them in one go with the rest.
            said += own if name == "content" else []
        elif name == "tool_calls" and isinstance(value, list):
            for call, there in items_of(value, here):
                _call(walk, call, there, trust)
        elif name == "function_call":
            _function(walk, value, here, trust)
        else:
            walk.walk(value, here, Trust.DECLARED if name in _LABELS else trust)
    return said


def _content(walk: Walk, content: object, place: Place, trust: Trust, markers: Sequence[ContextMarkers]) -> list[Item]:
    if isinstance(content, str):
        say(walk, content, place, trust, markers)
        return [(place, content)]
    said: list[Item] = []
    for part, here in items_of(content, place):
        if isinstance(part, str):
            say(walk, part, here, trust, markers)
            said.append((here, part))
        elif isinstance(part, Mapping):
            for name, value in part.items():
                there = (*here, step(name))
                walk.key(name, there, trust)
                if name in SPOKEN and isinstance(value, str):
                    say(walk, value, there, trust, markers)
                    said.append((there, value))
                else:
                    walk.walk(value, there, trust)
        else:
            walk.walk(part, here, trust)
    if isinstance(content, Mapping):
        walk.walk(content, place, trust)
    return said


def say(walk: Walk, text: str, place: Place, trust: Trust, markers: Sequence[ContextMarkers]) -> None:
    """Add the leaf of a text, and one for each stretch between markers."""
    if trust is Trust.HOSTILE and walk.json(text, place, trust):
        return
    walk.say(place, text, trust)
    if markers and trust is not Trust.HOSTILE and trust is not Trust.MODEL:
        for start, end in _between(text, markers):
            walk.leaves.append(Leaf((*place, AT, start), text[start:end], Trust.HOSTILE, is_repeat=True))


def _between(text: str, markers: Sequence[ContextMarkers]) -> Iterable[tuple[int, int]]:
    """The stretches between markers; one that is not closed goes to the end."""
    done = 0
    begins = dict.fromkeys(markers, -1)
    while True:
        for pair, at in begins.items():
            if at < done:
                found = text.find(pair.begin, done)
                begins[pair] = len(text) if found < 0 else found
        pair, at = min(begins.items(), key=lambda each: (each[1], -len(each[0].begin)))
        if at == len(text):
            return
        start = at + len(pair.begin)
        end = text.find(pair.end, start)
        if end < 0:
            end = len(text)
        if start < end:
            yield start, end
        done = end + len(pair.end)


def _call(walk: Walk, call: object, place: Place, trust: Trust) -> None:
    if not isinstance(call, Mapping):
        walk.walk(call, place, trust)
        return
    for name, value in call.items():
        here = (*place, step(name))
        walk.key(name, here, trust)
        if name in {"function", "custom"}:
            _function(walk, value, here, trust)
        else:
            walk.walk(value, here, trust)


def _function(walk: Walk, function: object, place: Place, trust: Trust) -> None:
    if not isinstance(function, Mapping):
        walk.walk(function, place, trust)
        return
    for name, value in function.items():
        here = (*place, step(name))
        walk.key(name, here, trust)
        if name in {"arguments", "input"} and isinstance(value, str):
            walk.arguments(value, here, trust)
        else:
            walk.walk(value, here, trust)
