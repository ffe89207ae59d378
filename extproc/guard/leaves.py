"""A request's and an answer's strings, each with its place and whose words it is; and edits of them.

    request_leaves(payload, markers)   every string that a model will read
    answer_leaves(value)               every string that it wrote
    with_edits(payload, edits)         a copy with stretches of leaves replaced

Trust is by role: system and developer trusted, user the user's, assistant the model's, tools hostile, and so is what
stands between declared markers, ``x_context`` and the text of files. All else that an application sends is declared.
A string between markers is a leaf of its own, beside the whole one. What is split over the parts of a message, over
messages that follow each other, over the values of a call's arguments or over tokens stands in joined leaves besides.

Numbers are no leaves; nor are tokens by number, which only the model's own tables turn into text. Read next:
``messages``, ``walking``, ``places``.
"""

from collections.abc import Iterable, Mapping, Sequence

from extproc.guard.edits import apply_edits
from extproc.guard.joining import Item
from extproc.guard.messages import say, walk_message
from extproc.guard.places import step
from extproc.guard.spotlight import CONTEXT_FIELD
from extproc.guard.walking import Walk, items_of
from extproc.model.chat import Json
from extproc.model.guard import Edit, Leaf, Place, Trust
from extproc.model.guard_policy import ContextMarkers

_TRUST = {
    "system": Trust.TRUSTED,
    "developer": Trust.TRUSTED,
    "user": Trust.USER,
    "assistant": Trust.MODEL,
    "tool": Trust.HOSTILE,
    "function": Trust.HOSTILE,
}


def request_leaves(payload: Json, markers: Sequence[ContextMarkers] = ()) -> tuple[Leaf, ...]:
    """Every string of a canonical request, embeddings and counts of tokens among them."""
    walk = Walk("request")
    for name, value in payload.items():
        place: Place = (step(name),)
        walk.key(name, place, Trust.DECLARED)
        if name == "messages" and isinstance(value, list):
            _messages(walk, value, place, markers)
        elif name == "input":
            _inputs(walk, value, place)
        elif name == CONTEXT_FIELD:
            _context(walk, value, place)
        else:
            walk.walk(value, place, Trust.DECLARED)
    return walk.finish()


def answer_leaves(value: Json) -> tuple[Leaf, ...]:
    """Every string of a canonical plain answer: of all choices, and of whatever is beside them."""
    walk = Walk("answer")
    for name, each in value.items():
        place: Place = (step(name),)
        walk.key(name, place, Trust.MODEL)
        if name == "choices":
            contents: list[Item] = []
            for choice, there in items_of(each, place):
                contents += _choice(walk, choice, there)
            walk.join(place, contents, Trust.MODEL)
        else:
            walk.walk(each, place, Trust.MODEL)
    return walk.finish()


def with_edits(payload: Json, edits: Mapping[Place, Sequence[Edit]]) -> Json:
    """A copy of a request or an answer with stretches of its leaves replaced, by the places of the leaves.

    What was JSON within a string still is. An edit of a joined leaf is made in each of its strings: the replacement in
    the first, nothing in the others. A key that becomes the same as another gets ``_`` appended.
    """
    # Which of the two it is need not be known: no place of a joined leaf is in both.
    return (
        apply_edits(payload, edits, lambda: (*request_leaves(payload), *answer_leaves(payload))) if edits else payload
    )


def _messages(walk: Walk, messages: list[object], place: Place, markers: Sequence[ContextMarkers]) -> None:
    run: list[Item] = []
    begin, of = place, Trust.HOSTILE
    for index, message in enumerate(messages):
        here = (*place, index)
        if not isinstance(message, Mapping):
            walk.walk(message, here, Trust.HOSTILE)
            continue
        role = message.get("role")
        # A role that is not known is nobody's whom the application answers for.
        trust = _TRUST.get(role, Trust.HOSTILE) if isinstance(role, str) else Trust.HOSTILE
        said = walk_message(walk, message, here, trust, markers)
        if trust is not of:
            walk.join(begin, run, of)
            run, begin, of = [], here, trust
        run += said
    walk.join(begin, run, of)


def _inputs(walk: Walk, value: object, place: Place) -> None:
    if isinstance(value, str):
        walk.say(place, value, Trust.USER)
        return
    if isinstance(value, list) and {int} == set(map(type, value)):
        return
    for each, here in items_of(value, place):
        if isinstance(each, str):
            walk.say(here, each, Trust.USER)
        else:
            walk.walk(each, here, Trust.USER)
    if isinstance(value, Mapping):
        walk.walk(value, place, Trust.USER)


def _context(walk: Walk, value: object, place: Place) -> None:
    said: list[Item] = []
    for each, here in items_of(value if isinstance(value, list) else [], place):
        if isinstance(each, Mapping) and isinstance(each.get("text"), str):
            there = (*here, "text")
            say(walk, each["text"], there, Trust.HOSTILE, ())
            said.append((there, each["text"]))
            walk.walk({name: other for name, other in each.items() if name != "text"}, here, Trust.HOSTILE)
        elif isinstance(each, str):
            say(walk, each, here, Trust.HOSTILE, ())
            said.append((here, each))
        else:
            walk.walk(each, here, Trust.HOSTILE)
    if not isinstance(value, list):
        walk.walk(value, place, Trust.HOSTILE)
    walk.join(place, said, Trust.HOSTILE)


def _choice(walk: Walk, choice: object, place: Place) -> list[Item]:
    """Its leaves; what it says, in order."""
    if not isinstance(choice, Mapping):
        walk.walk(choice, place, Trust.MODEL)
        return []
    said: list[Item] = []
    for name, value in choice.items():
        here = (*place, step(name))
        walk.key(name, here, Trust.MODEL)
        if name in {"message", "delta"} and isinstance(value, Mapping):
            own = walk_message(walk, value, here, Trust.MODEL, ())
            walk.join(here, own, Trust.MODEL)
            said += own
        elif name == "text" and isinstance(value, str):
            walk.say(here, value, Trust.MODEL)
            said.append((here, value))
        elif name == "logprobs" and isinstance(value, Mapping):
            _logprobs(walk, value, here)
        else:
            walk.walk(value, here, Trust.MODEL)
    return said


def _logprobs(walk: Walk, value: Mapping[str, object], place: Place) -> None:
    """Tokens as text: those that were written, and those that were not, each rank of them."""
    for name, tokens in value.items():
        here = (*place, step(name))
        walk.walk({name: tokens}, place, Trust.MODEL)
        ranks: list[list[Item]] = []
        for each, there in items_of(tokens, here):
            for rank, (token, at) in enumerate(_tokens(each, there)):
                if rank == len(ranks):
                    ranks.append([])
                ranks[rank].append((at, token))
        for rank, items in enumerate(ranks):
            walk.join((*here, rank), items, Trust.MODEL)


def _tokens(entry: object, place: Place) -> Iterable[tuple[str, Place]]:
    if isinstance(entry, str):
        yield entry, place
    elif isinstance(entry, Mapping):
        if isinstance(entry.get("token"), str):
            yield entry["token"], (*place, "token")
        for other, there in items_of(entry.get("top_logprobs"), (*place, "top_logprobs")):
            if isinstance(other, Mapping) and isinstance(other.get("token"), str):
                yield other["token"], (*there, "token")
