"""Rule ``injection``: does a text try to take the model over?

Direct attacks in what a user writes, and instructions where none belong, in tool results and retrieved context:

    leaf's views → words as ideas → signs → evidence within a window → findings with a score

Deterministic and linear; no model. A finding's kind says what it is and its stretch where; its score is how sure all
the evidence around it makes. What the application itself wrote is not judged. Read next: ``injection_signs`` for what
counts, ``injection_context`` for hostile text, docs/guard-rules.md for where this stops.
"""

import math
from collections.abc import Iterator, Sequence

from extproc.guard.injection_context import CONTEXT_SIGNS, REQUEST
from extproc.guard.injection_context_words import CONTEXT_WORDS
from extproc.guard.injection_shape import Hit, Shape, Signs
from extproc.guard.injection_signs import PERSONA, REFUSAL, SIGNS, UNRESTRICTED, Sign
from extproc.guard.injection_words import WORDS
from extproc.guard.reading import Reading, View
from extproc.model.guard import Direction, Finding, Trust
from extproc.model.guard_policy import Options

DIRECT_WINDOW_WORDS = 300
CONTEXT_WINDOW_WORDS = 60
"""How near each other signs have to be to speak for one another."""

_LEAST_SCORE = 0.3
_MOST_AGAINST = 0.7  # evidence: nobody talks a strong sign away
_HIDDEN = 0.35  # evidence: whoever encodes an instruction does not want it seen
_MISPLACED = 0.2  # evidence: text that nobody should take orders from
_REFUSING = -0.9  # evidence: models name what they will not do
_SPOKEN = frozenset({PERSONA, REFUSAL, UNRESTRICTED})
"""What a model says that was taken over. That it was told to drop its instructions it only says while it declines."""
_MANUAL = 5  # more requests than that are what the document is about
_REACH_CHARS = 2000
_CONCEALING = frozenset({"base64", "hex", "gzip", "zlib", "rot13", "tags", "hidden", "comment"})
"""Steps of decoding that nobody needs who has nothing to hide; entities, escapes and odd spellings happen."""
_TRUST_EVIDENCE = {Trust.HOSTILE: _MISPLACED, Trust.MODEL: _REFUSING}

_DIRECT = Signs(WORDS, SIGNS)
_CONTEXT = Signs(CONTEXT_WORDS, CONTEXT_SIGNS, openers=("TASK", "WIDER", "SHAPE", "ADDS", "ANSWERS", "ASKING", "CALL"))


class Injection:
    """The rule. It has no settings of its own: the check's threshold decides."""

    reach = _REACH_CHARS

    def scan(self, reading: Reading, direction: Direction) -> Sequence[Finding]:  # noqa: ARG002 - the same both ways
        """What it finds, each kind of a view once."""
        trust = reading.leaf.trust
        if trust is Trust.TRUSTED:
            return ()
        found: dict[tuple[str, int, int], Finding] = {}
        known: set[tuple[str, bool]] = set()
        for view in reading.views:
            for finding in _judge(reading, view, known):
                key = (finding.kind, finding.start, finding.end)
                if key not in found or found[key].score < finding.score:
                    found[key] = finding
        return tuple(found.values())


def make(options: Options) -> Injection:
    """The rule of these settings.

    Raises:
        ValueError: it has any.
    """
    if options:
        raise ValueError(f"injection has no setting {options[0][0]!r}; its threshold is the check's")
    return Injection()


def _judge(reading: Reading, view: View, known: set[tuple[str, bool]]) -> Iterator[Finding]:
    trust = reading.leaf.trust
    hides = not _CONCEALING.isdisjoint(view.via)
    hidden = _HIDDEN if hides else 0.0
    shape = _DIRECT.shape(view.text)
    # Most views of a text differ in nothing that matters here.
    if (shape.letters, hides) not in known:
        known.add((shape.letters, hides))
        hits = _DIRECT.hits(shape)
        if trust is Trust.MODEL:
            hits = [hit for hit in hits if hit.sign.kind in _SPOKEN]
        extra = hidden + _TRUST_EVIDENCE.get(trust, 0.0)
        yield from _findings(reading, view, shape, hits, DIRECT_WINDOW_WORDS, extra)
    if trust is Trust.HOSTILE:
        shape = _CONTEXT.shape(view.text)
        if (shape.letters, hides) not in known:
            known.add((shape.letters, hides))
            hits = _without_manual(_CONTEXT.hits(shape))
            yield from _findings(reading, view, shape, hits, CONTEXT_WINDOW_WORDS, hidden)


def _findings(
    reading: Reading, view: View, shape: Shape, hits: Sequence[Hit], window: int, extra: float
) -> Iterator[Finding]:
    # Most texts have some words of ours and not half the evidence, however near each other they stand.
    if -math.log1p(-_LEAST_SCORE) > sum({_counted_as(hit.sign): _speaking(hit.sign) for hit in hits}.values()) + extra:
        return
    evidence, within = _strongest(hits, window)
    score = 1.0 - math.exp(-evidence - extra)
    if score < _LEAST_SCORE:
        return
    around: dict[str, tuple[int, int]] = {}
    for hit, (start, end) in zip(within, shape.spans(within), strict=True):
        first, last = around.get(hit.sign.kind, (start, end))
        around[hit.sign.kind] = min(first, start), max(last, end)
    for kind, stretch in sorted(around.items()):
        yield Finding(kind, reading.leaf.place, *view.span(*stretch), round(score, 3), view.via)


def _strongest(hits: Sequence[Hit], window: int) -> tuple[float, list[Hit]]:
    """The most evidence within any window, each sign counted once, and the signs for it."""
    ordered = sorted(hits, key=lambda hit: (hit.first, hit.last))
    counts: dict[str, int] = {}
    speaking, against, best, best_at = 0.0, 0.0, 0.0, (0, 0)
    behind = 0
    for at, hit in enumerate(ordered):
        while hit.last - ordered[behind].first > window and behind < at:
            gone = ordered[behind].sign
            counts[_counted_as(gone)] -= 1
            if not counts[_counted_as(gone)]:
                speaking, against = _moved(speaking, against, gone.share, -1)
            behind += 1
        if not counts.get(_counted_as(hit.sign)):
            speaking, against = _moved(speaking, against, hit.sign.share, 1)
        counts[_counted_as(hit.sign)] = counts.get(_counted_as(hit.sign), 0) + 1
        if (total := speaking - min(against, _MOST_AGAINST)) > best:
            best, best_at = total, (behind, at + 1)
    return best, [hit for hit in ordered[slice(*best_at)] if hit.sign.share > 0]


def _speaking(sign: Sign) -> float:
    return -math.log1p(-sign.share) if sign.share > 0 else 0.0


def _counted_as(sign: Sign) -> str:
    """Signs that are counted once together: all requests are one."""
    return sign.kind if sign.kind == REQUEST else sign.name


def _moved(speaking: float, against: float, share: float, sign: int) -> tuple[float, float]:
    if share > 0:
        return speaking - sign * math.log1p(-share), against
    return speaking, against - sign * math.log1p(share)


def _without_manual(hits: list[Hit]) -> list[Hit]:
    """The hits, without ordinary requests where there are so many that they are what the text is about."""
    requests = {hit.first for hit in hits if hit.sign.kind == REQUEST}
    return [hit for hit in hits if hit.sign.kind != REQUEST] if len(requests) > _MANUAL else hits
