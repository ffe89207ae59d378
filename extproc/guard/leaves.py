"""A request's strings, each with its place and whose words it is; and edits of them.

    request_leaves(payload, markers)   every string that a model will read
    with_edits(payload, edits)         a copy with stretches of leaves replaced

Trust is by role: system and developer trusted, user the user's, assistant the model's, tools hostile, and so is what
stands between declared markers, ``x_context`` and the text of files. All else that an application sends is declared.
A string between markers is a leaf of its own, beside the whole one. What is split over the parts of a message, over
messages that follow each other or over the values of a call's arguments stands in joined leaves besides. Answers are
read as they come, by ``exchange.output_strings``.

Numbers are no leaves; nor are tokens by number, which only the model's own tables turn into text. Read next:
``messages``, ``walking``, ``places``.
"""

from collections.abc import Mapping, Sequence

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
    walk = Walk()
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


def with_edits(payload: Json, edits: Mapping[Place, Sequence[Edit]]) -> Json:
    """A copy of a request with stretches of its leaves replaced, by the places of the leaves.

    What was JSON within a string still is. An edit of a joined leaf is made in each of its strings: the replacement in
    the first, nothing in the others. A key that becomes the same as another gets ``_`` appended.
    """
    return apply_edits(payload, edits, lambda: request_leaves(payload)) if edits else payload


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
