"""Which strings of a request cannot have a stretch of them replaced.

    is_fixed(place) → whether nothing but the whole request can be held back for what was found there

Somebody's own words can, and so can descriptions and what an application notes for itself. Names, ids, stop sequences,
addresses, the keys of objects and a schema's own strings cannot: a provider refuses them, or they mean something else
then. What is not known here is fixed too. Read next: ``exchange.guarding``, which blocks what cannot be redacted.
"""

from extproc.guard.messages import SPOKEN
from extproc.guard.places import AT, JSON, KEY
from extproc.model.guard import Place

_CALLED_WITH = frozenset(("arguments", "input"))
_TOLD = frozenset(("description", "title"))
_NOTES = frozenset(("user", "safety_identifier", "prompt_cache_key"))


def is_fixed(place: Place) -> bool:
    """Whether this string has to stay as it is.

    Args:
        place: of one string; a joined leaf is asked about string by string (``joining.split``).
    """
    if place[-1] == KEY:
        return place[0] != "metadata"
    match _string(place):
        case ("messages", int(), str(name), *below) | ("prediction", str(name), *below):
            return not _is_said(name, tuple(below))
        case ("input" | "x_context" | "metadata", *_):
            return False
        case (str(name),):
            return name not in _NOTES
        case ("tools" | "functions" | "response_format", *_, last):
            return last not in _TOLD
    return True


def _is_said(name: str, below: Place) -> bool:
    if name == "content" or name in SPOKEN:
        return not below or below[-1] in SPOKEN or (len(below) == 1 and isinstance(below[0], int))
    return below[-1:] != () and below[-1] in _CALLED_WITH


def _string(place: Place) -> Place:
    """Without the steps that lead into the string."""
    return next((place[:at] for at, step in enumerate(place) if step in {AT, JSON}), place)
